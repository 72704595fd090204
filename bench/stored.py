"""The figures of stored calls: how fast they are taken, how fast a device that comes back gets them, what many of them
cost at a start."""

import shutil
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import installation
from installation import access_token
from loads import Loads, tool
from postgres import postgres
from report import Report

DEVICES: Final = 200
"""As many are connected, for the lightweight calls beside, as are away and have calls stored."""

STORED_CALL: Final = '{"method":"setGpio","params":{"pin":7,"value":1},"persistent":true,"timeout":86400000}'
QUEUED: Final = 1_000
STRATEGIES: Final = ("BURST", "SEQUENTIAL_ON_ACK_FROM_DEVICE", "SEQUENTIAL_ON_RESPONSE_FROM_DEVICE")
BACKLOG: Final = 100_000
BACKLOG_DEVICES: Final = 100
BACKLOG_BYTES: Final = 1_024


class StoredCalls:
    """Measures them for one layout; everything it starts lies in the folder `work`."""

    def __init__(self, layout: str, loads: Loads, rounds: int, report: Report, work: Path) -> None:
        self._layout = layout
        self._loads = loads
        self._rounds = rounds
        self._report = report
        self._work = work

    def measure(self) -> None:
        self._work.mkdir(parents=True)
        self._accept("SQLite")
        if self._layout == "parts":
            self._accept("PostgreSQL")
            self._drain()
            self._backlog()

    def _accept(self, database: str) -> None:
        """REST answers once the call's row is committed; in turn with two-way calls to connected devices."""
        work = self._work / database
        work.mkdir()
        with postgres(work / "postgres.log") if database == "PostgreSQL" else nullcontext("") as url:
            server = installation.start(self._layout, 2 * DEVICES, work, url)
            away = [f"/api/rpc/twoway/{one}" for one in server.device_ids[DEVICES:]]
            there = server.only(DEVICES)
            with server.running, self._loads.devices(server.mqtt_port, DEVICES):
                self._loads.two_way(there, 64)
                self._loads.http(server.rest, away, server.jwt, 64, STORED_CALL)
                for _ in range(self._rounds):
                    two_way = self._loads.two_way(there, 64)
                    before = server.running.cpu_s()
                    accepted = self._loads.http(server.rest, away, server.jwt, 64, STORED_CALL)
                    for name, after in server.running.cpu_s().items():
                        per_call_us = (after - before.get(name, 0.0)) / accepted.requests * 1e6
                        self._add(f"CPU of {name}, µs per stored call ({database})", per_call_us)
                    self._add(f"stored call, 64 in flight / two-way ({database})", accepted.rate / two_way.rate)
                    self._add(f"stored call, 64 in flight, calls/s ({database})", accepted.rate)
                    self._add(f"stored call, 64 in flight, p99 ms ({database})", accepted.p99_ms)
                    self._add(f"failed requests beside stored calls ({database})", two_way.errors + accepted.errors)

    def _drain(self) -> None:
        """A device comes back to 1,000 calls; in turn with lightweight calls on a stream."""
        work = self._work / "drain"
        work.mkdir()
        server = installation.start(self._layout, DEVICES + 1, work)
        last = server.device_ids[-1]
        there = server.only(DEVICES)
        with server.running, self._loads.devices(server.mqtt_port, DEVICES):
            for _ in range(self._rounds):
                beside = {
                    "BURST": (64, self._loads.grpc("stream", server.grpc, there, 64)["rate"]),
                    "SEQUENTIAL": (1, self._loads.grpc("stream", server.grpc, there.only(1), 1)["rate"]),
                }
                for strategy in STRATEGIES:
                    lines = (server.jwt, last)
                    tool("queue_calls.py", server.grpc, QUEUED, 20, strategy, lines=lines)
                    drained = tool("drain.py", server.mqtt_port, access_token(DEVICES), QUEUED)
                    in_flight, rate = beside[strategy.partition("_")[0]]
                    name = f"drain of {QUEUED:,}, {strategy}"
                    self._add(f"{name} / CallStream with {in_flight} in flight", drained["rate"] / rate)
                    self._add(f"{name}, calls/s", drained["rate"])
                    self._add("drains out of order", float(not drained["in_order"]))

    def _backlog(self) -> None:
        """A start with many stored calls, against the time `sqlite3` takes to read them."""
        work = self._work / "backlog"
        work.mkdir()
        server = installation.start(self._layout, BACKLOG_DEVICES, work)
        with server.running:
            pass
        empty = installation.launch(self._layout, work)
        with empty.running:
            empty_bytes = empty.running.pss_bytes("core")
            size = BACKLOG_BYTES - len('{"n":99999,"text":""}')
            lines = (server.jwt, *server.device_ids)
            stored = tool("queue_calls.py", empty.grpc, BACKLOG, size, "BURST", lines=lines)
        self._add("stored calls over a CallStream, calls/s", stored["rate"])
        self._add("start without stored calls, s", empty.running.ready_s)
        for _ in range(self._rounds):
            read_s = seconds_to_read(work / "data" / "trunkline.db")
            full = installation.launch(self._layout, work)
            with full.running:
                full_bytes = full.running.pss_bytes("core")
            self._add(
                f"start with {BACKLOG:,} stored calls of 1 KiB / sqlite3 reads them", full.running.ready_s / read_s
            )
            self._add(f"start with {BACKLOG:,} stored calls of 1 KiB, s", full.running.ready_s)
            self._add(f"memory of {BACKLOG:,} stored calls of 1 KiB, MiB", (full_bytes - empty_bytes) / 1024**2)

    def _add(self, name: str, value: float) -> None:
        self._report.add(self._layout, name, value)


def seconds_to_read(database: Path) -> float:
    """How long the program `sqlite3` takes for all rows. RuntimeError without it."""
    sqlite3 = shutil.which("sqlite3")
    if sqlite3 is None:
        raise RuntimeError("sqlite3 is missing: apt-get install sqlite3")
    started = time.perf_counter()
    subprocess.run([sqlite3, "-readonly", database, "SELECT * FROM calls"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
