"""`make bench`: measures Trunkline in both layouts, each figure in turn with its reference.

Machines like the one this runs on change their speed from minute to minute, so a figure is a ratio to a reference that
ran right beside it, and what is told is the median of the rounds.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import installation
import jwt
from installation import Installation
from loads import Loads
from processes import Running, cpus, free_port, python
from report import Report
from stored import StoredCalls

DEVICES = 200
SESSIONS = 5_000
FIGURES = ("rest", "grpc", "stored", "peer", "sessions")
PEER_SECRET = "bench-secret-of-at-least-32-bytes"


@dataclass(frozen=True)
class Plan:
    """Which figures, how often, and for how long each."""

    rounds: int
    seconds: float
    figures: frozenset[str]
    work: Path


class Bench:
    """One run: starts the references once, then each layout, and fills the report."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self._plan = plan
        self._report = report
        self._loads = Loads(plan.seconds, plan.work)

    def run(self, layouts: list[str]) -> None:
        with self._reference() as reference, self._echo() as echo:
            for layout in layouts:
                self._layout(layout, reference, echo)

    def _layout(self, layout: str, reference: str, echo: str) -> None:
        work = self._plan.work / layout
        work.mkdir(parents=True)
        wanted = self._plan.figures
        if wanted & {"rest", "grpc"}:
            server = installation.start(layout, DEVICES, work)
            with server.running, self._loads.devices(server.mqtt_port, DEVICES):
                self._warm_up(server, reference)
                if "rest" in wanted:
                    self._rest(layout, server, reference)
                if "grpc" in wanted and layout == "parts":
                    self._grpc(layout, server, reference, echo)
        if "stored" in wanted:
            StoredCalls(layout, self._loads, self._plan.rounds, self._report, work / "stored").measure()
        if "peer" in wanted:
            self._peer(layout)
        if "sessions" in wanted:
            self._sessions(layout)

    # --- what is measured ---

    def _rest(self, layout: str, server: Installation, reference: str) -> None:
        for _ in range(self._plan.rounds):
            ref = self._loads.http(reference, ["/reference"], "", 64)
            before = server.running.cpu_s()
            two_way = self._loads.two_way(server, 64)
            for name, after in server.running.cpu_s().items():
                per_call_us = (after - before.get(name, 0.0)) / two_way.requests * 1e6
                self._report.add(layout, f"CPU of {name}, µs per REST two-way call", per_call_us)
            many = self._loads.two_way(server, 256)
            ref_alone = self._loads.http(reference, ["/reference"], "", 1)
            alone = self._loads.two_way(server, 1)
            one_way_alone = self._loads.one_way(server, 1)
            one_way = self._loads.one_way(server, 64)
            for name, value in {
                "REST two-way, 64 in flight / reference": two_way.rate / ref.rate,
                "REST two-way, 256 in flight / 64 in flight": many.rate / two_way.rate,
                "REST two-way p50, one in flight / reference p50": alone.p50_ms / ref_alone.p50_ms,
                "REST one-way p50, one in flight / two-way's": one_way_alone.p50_ms / alone.p50_ms,
                "REST one-way, 64 in flight / reference": one_way.rate / ref.rate,
                "REST two-way, 64 in flight, calls/s": two_way.rate,
                "REST two-way, 64 in flight, p99 ms": two_way.p99_ms,
                "REST two-way, one in flight, p50 ms": alone.p50_ms,
                "reference, 64 in flight, requests/s": ref.rate,
                "failed requests": two_way.errors + many.errors + alone.errors + one_way.errors,
            }.items():
                self._report.add(layout, name, value)

    def _grpc(self, layout: str, server: Installation, reference: str, echo: str) -> None:
        for _ in range(self._plan.rounds):
            ref = self._loads.http(reference, ["/reference"], "", 64)
            for in_flight in (64, 512):
                stream = self._loads.grpc("stream", server.grpc, server, in_flight)
                self._report.add(
                    layout, f"gRPC CallStream two-way, {in_flight} in flight / reference", stream["rate"] / ref.rate
                )
                self._report.add(layout, f"gRPC CallStream two-way, {in_flight} in flight, calls/s", stream["rate"])
            unary = self._loads.grpc("unary", server.grpc, server, 64)
            empty = self._loads.grpc("echo", echo, server, 64)
            self._report.add(
                layout, "gRPC unary two-way, 64 in flight / empty unary echo", unary["rate"] / empty["rate"]
            )
            without = self._loads.grpc("beside", server.grpc, server, 0)
            beside = self._loads.grpc("beside", server.grpc, server, 64)
            self._report.add(
                layout, "small calls' p50 beside 64 callers of 64 KB / without", beside["p50_ms"] / without["p50_ms"]
            )

    def _peer(self, layout: str) -> None:
        """In turn with what a team would write in an afternoon, each with devices of its own."""
        work = self._plan.work / f"peer-{layout}"
        work.mkdir()
        server = installation.start(layout, DEVICES, work)
        token = jwt.encode({"sub": "bench"}, PEER_SECRET, algorithm="HS256")
        paths = [f"/api/rpc/twoway/{number}" for number in range(DEVICES)]
        with server.running, self._loads.devices(server.mqtt_port, DEVICES), self._fastapi_peer(work) as peer:
            self._loads.http(peer, paths, token, 64)
            self._loads.two_way(server, 64)
            for _ in range(self._plan.rounds):
                theirs = self._loads.http(peer, paths, token, 64)
                ours = self._loads.two_way(server, 64)
                self._report.add(
                    layout, "REST two-way, 64 in flight / FastAPI + aiomqtt + Mosquitto", ours.rate / theirs.rate
                )
                self._report.add(layout, "FastAPI + aiomqtt + Mosquitto, 64 in flight, calls/s", theirs.rate)
                self._report.add(layout, "failed requests of the peer", theirs.errors)

    def _sessions(self, layout: str) -> None:
        """Memory of idle sessions, then connection storms, on one server with many devices."""
        work = self._plan.work / f"sessions-{layout}"
        work.mkdir()
        server = installation.start(layout, SESSIONS, work)
        holders = ("core", "mqtt") if layout == "parts" else ()
        port = free_port()
        with server.running, Running(python("reference_mqtt.py", port), port=port, log=work / "bare.log"):
            with self._loads.devices(server.mqtt_port, 1):
                empty = server.running.pss_bytes(*holders)
            with self._loads.devices(server.mqtt_port, SESSIONS):
                full = server.running.pss_bytes(*holders)
            self._report.add(layout, "memory per idle MQTT session, KiB", (full - empty) / SESSIONS / 1024)
            for _ in range(self._plan.rounds):
                bare_s = self._connect_all(port)
                ours_s = self._connect_all(server.mqtt_port)
                self._report.add(layout, "connection storm of 5,000 / bare CONNACK and SUBACK server", bare_s / ours_s)
                self._report.add(layout, "connection storm, connections/s", SESSIONS / ours_s)

    # --- loads ---

    def _warm_up(self, server: Installation, reference: str) -> None:
        self._loads.http(reference, ["/reference"], "", 64)
        self._loads.two_way(server, 64)

    def _connect_all(self, port: int) -> float:
        """Seconds until all sessions stand."""
        with self._loads.devices(port, SESSIONS) as fleet:
            return float(fleet.ready_line.split()[1])

    # --- what runs beside ---

    @contextmanager
    def _reference(self) -> Iterator[str]:
        port = free_port()
        log = self._plan.work / "reference.log"
        with Running(python("reference_route.py", port), port=port, log=log):
            yield f"http://127.0.0.1:{port}"

    @contextmanager
    def _echo(self) -> Iterator[str]:
        port = free_port()
        with Running(python("reference_echo.py", port), port=port, log=self._plan.work / "echo.log"):
            yield f"127.0.0.1:{port}"

    @contextmanager
    def _fastapi_peer(self, work: Path) -> Iterator[str]:
        http_port, mqtt_port = free_port(), free_port()
        broker = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        if broker is None:
            raise RuntimeError("mosquitto is missing: apt-get install mosquitto")
        with (
            Running([broker, "-p", str(mqtt_port)], port=mqtt_port, log=work / "mosquitto.log"),
            Running(python("peers/devices.py", mqtt_port, DEVICES), ready="connected", log=work / "devices.log"),
            Running(python("peers/fastapi_mqtt.py", http_port, mqtt_port), port=http_port, log=work / "peer.log"),
        ):
            yield f"http://127.0.0.1:{http_port}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure Trunkline on this machine.")
    parser.add_argument("--layout", choices=("parts", "one"), action="append", help="only this layout")
    parser.add_argument("--only", choices=FIGURES, action="append", help="only these figures")
    parser.add_argument("--rounds", type=int, default=3, help="how often each figure is measured (default 3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each load runs (default 4)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="where JSON and plot go")
    options = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as work:
        figures = frozenset(options.only or FIGURES)
        plan = Plan(options.rounds, options.seconds, figures, Path(work))
        Bench(plan, report).run(options.layout or ["parts", "one"])
    print(report.table())
    report.write(options.out, {"rounds": options.rounds, "seconds": options.seconds, "cpus": cpus()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
