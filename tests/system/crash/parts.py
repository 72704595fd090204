"""Core, worker and facade as processes of their own, and PostgreSQL: killed at any moment, started again at once."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, Protocol
from urllib.parse import urlsplit

from doubles.postgres_server import PostgresServer
from system.crash.ledger import Ledger

PAUSE_S: Final = 0.2
"""Before a process that ended by itself is started again."""

DATABASE_GONE_S: Final = 15.0
"""So long after PostgreSQL was killed a core may give up its start."""


class Mortal(Protocol):
    """What can be killed."""

    @property
    def ready(self) -> asyncio.Event:
        """Set as long as it is up."""
        ...

    def kill(self) -> None:
        """SIGKILL, in whatever it does."""
        ...


class Part:
    """One part of Trunkline. It takes a free port at its first start and keeps it."""

    name: ClassVar[str]
    words: ClassVar[Sequence[str]]
    port_option: ClassVar[str]

    def __init__(self, data_dir: Path, environment: Mapping[str, str], ledger: Ledger) -> None:
        self.ready = asyncio.Event()
        self.port = 0
        self._data_dir = data_dir
        self._environment = {**os.environ, **environment}
        self._ledger = ledger
        self._process: Process | None = None
        self._last_lines: deque[bytes] = deque(maxlen=40)
        self._was_ready = False

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._is_down()
            self._ledger.kills.append((time.time(), self.name))
            self._process.kill()

    async def keep_running(self) -> None:
        """Start it again and again, until cancelled. RuntimeError if it cannot be started at all."""
        try:
            while True:
                code = await self._run_once()
                if code == -signal.SIGKILL:
                    continue
                self._is_down()
                self._ended(code)
                await asyncio.sleep(PAUSE_S)
        finally:
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    def may_end(self) -> bool:
        """Whether it may end by itself just now."""
        return False

    def _is_down(self) -> None:
        self.ready.clear()
        self._ledger.is_down(self.name)

    def _ended(self, code: int) -> None:
        what = f"{self.name} ended with {code}:\n{b''.join(self._last_lines).decode(errors='replace')}"
        if not self._was_ready:
            raise RuntimeError(what)
        if not self.may_end():
            self._ledger.faults.append(what)

    async def _run_once(self) -> int:
        options = (f"--{self.port_option}={self.port}", "--metrics-port=0", f"--data-dir={self._data_dir}")
        command = [sys.executable, "-m", "trunkline.cli.main", *self.words, *options]
        process = self._process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=self._environment
        )
        assert process.stdout is not None
        with (self._data_dir / f"{self.name}.log").open("ab") as log:
            while line := await process.stdout.readline():
                log.write(line)
                self._last_lines.append(line)
                if line.startswith(b"Traceback"):
                    self._ledger.faults.append(f"{self.name} has a traceback in {log.name}")
                if line.startswith(b"ready "):
                    self._is_ready(line.decode().split()[1].partition("=")[2])
        return await process.wait()

    def _is_ready(self, place: str) -> None:
        self.port = urlsplit(place if "://" in place else f"tcp://{place}").port or 0
        self._ledger.is_back(self.name)
        self._was_ready = True
        self.ready.set()


class Core(Part):
    name = "core"
    words = ("core", "--demo")
    port_option = "grpc-port"

    def may_end(self) -> bool:
        since = time.time() - DATABASE_GONE_S
        return any(part == Postgres.name and at > since for at, part in self._ledger.kills)


class Worker(Part):
    name = "mqtt"
    words = ("transport", "mqtt")
    port_option = "port"


class Facade(Part):
    name = "facade"
    words = ("facade",)
    port_option = "http-port"


class Postgres:
    """The database's server; whoever made it started it."""

    name = "postgres"

    def __init__(self, server: PostgresServer, ledger: Ledger) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self._server = server
        self._ledger = ledger
        self._killed = asyncio.Event()

    def kill(self) -> None:
        if self.ready.is_set():  # else it is starting, and has no process that it names
            self.ready.clear()
            self._ledger.is_down(self.name)
            self._ledger.kills.append((time.time(), self.name))
            self._killed.set()

    async def keep_running(self) -> None:
        """Kill it when that was asked for, and start it again; until cancelled."""
        while True:
            await self._killed.wait()
            self._killed.clear()
            await asyncio.to_thread(self._server.kill)
            await asyncio.to_thread(self._server.start)
            self._ledger.is_back(self.name)
            self.ready.set()
