"""Starts what is measured and reads what the operating system says of it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self

import psutil

BENCH = Path(__file__).parent
START_TIMEOUT_S = 60.0

OURSELVES: Final[Mapping[str, Any]] = {}
"""Arguments of Popen: whom to run a program as."""


class Running:
    """One program and its children, ended with the `with` block."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        ready: str = "",
        port: int = 0,
        as_user: Mapping[str, Any] = OURSELVES,
    ) -> None:
        """Start `command` and wait until a line of its output begins with `ready`, or until it listens on `port`."""
        self._log: IO[bytes] = log.open("wb")
        started = time.perf_counter()
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT, **as_user)
        self.ready_line = self._wait_for(ready, port, log)
        self.ready_s = time.perf_counter() - started
        """How long that took."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _wait_for(self, ready: str, port: int, log: Path) -> str:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if port and _listens(port):
                return ""
            for line in log.read_text(errors="replace").splitlines() if ready else ():
                if line.startswith(ready):
                    return line
            time.sleep(0.01)
        self.__exit__()
        raise RuntimeError(f"{self._process.args!r} did not get ready; it said:\n{log.read_text(errors='replace')}")

    @property
    def family(self) -> list[psutil.Process]:
        """The process and its living children."""
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, user and system, by what each process is."""
        seconds: dict[str, float] = {}
        for process in self.family:
            times = process.cpu_times()
            name = process_name(process)
            seconds[name] = seconds.get(name, 0.0) + times.user + times.system
        return seconds

    def pss_bytes(self, *names: str) -> int:
        """Proportional set size of the processes with these names, of all without names."""
        return sum(
            process.memory_full_info().pss for process in self.family if not names or process_name(process) in names
        )


def process_name(process: psutil.Process) -> str:
    """`core`, `mqtt` and so on for Trunkline's children, else the program's name."""
    command = process.cmdline()
    if "trunkline.cli.child" in command:
        return command[command.index("trunkline.cli.child") + 1]
    return "serve" if any(word.endswith("trunkline") for word in command) else Path(command[-1]).stem


def python(script: str, *arguments: object) -> list[str]:
    """The command that runs one of the bench's own scripts."""
    return [sys.executable, str(BENCH / script), *map(str, arguments)]


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
