"""Keeps the parts of `trunkline serve` running as child processes, in order, and ends them in the opposite order."""

import asyncio
import json
import os
import signal
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from trunkline.cli.errors import CommandError
from trunkline.cli.lifeline import PARENT_PID, STATUS_FD
from trunkline.cli.prefixed_logs import PrefixedLogs
from trunkline.contract.logs import get_logger
from trunkline.contract.metadata import LINK_SUPERSEDED_EXIT

FIRST_BACKOFF_S: Final = 0.1
LAST_BACKOFF_S: Final = 5.0
NOT_STARTED: Final = 127
"""Stands for the exit code of a program that could not even be started, as in shells."""

STEADY_S: Final = 10.0
"""A child that lived this long did not fail at its start: the next restart is quick again."""

Facts = dict[str, Any]

log = get_logger(__name__)


class StartFailed(CommandError):
    """A program ended before it was ready for the first time."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: it gets `environment` on top of ours and writes one JSON line to STATUS_FD once it is ready."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    grace_s: float = 10.0
    """From SIGTERM to SIGKILL."""


class Supervisor:
    """Programs started through it are started again whenever they end, until `stop`.

    The tasks live in the caller's task group, so a program whose first start fails brings that down.
    """

    def __init__(self, group: asyncio.TaskGroup, logs: PrefixedLogs) -> None:
        self._group = group
        self._logs = logs
        self._children: list[_Child] = []

    async def start(self, program: Program) -> Facts:
        """Start a program; returns, once it is ready, what it said of itself. Raises StartFailed."""
        child = _Child(program, self._logs)
        self._children.append(child)
        self._group.create_task(child.keep_running(), name=f"supervise {program.name}")
        return await child.ready

    async def stop(self) -> None:
        """End all programs gracefully, the last started first, each within its grace."""
        for child in reversed(self._children):
            await child.stop()

    def kill(self) -> None:
        """End all programs at once; `stop`, if under way, returns soon after."""
        for child in self._children:
            child.kill()


class _Child:
    """One program over all its restarts."""

    def __init__(self, program: Program, logs: PrefixedLogs) -> None:
        self.ready: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        self._program = program
        self._logs = logs
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()

    async def keep_running(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        try:
            while not self._stopping.is_set():
                started = time.monotonic()
                try:
                    code = await self._run_once()
                except OSError as error:  # no memory or no process to be had: that may pass
                    log.error("part_not_started", part=self._program.name, problem=str(error))
                    code = NOT_STARTED
                if self._stopping.is_set():
                    return
                if not self.ready.done():
                    raise StartFailed(f"{self._program.name} ended before it was ready ({_ending(code)}).")
                if code == LINK_SUPERSEDED_EXIT:
                    log.error("part_superseded", part=self._program.name, restarted=False)
                    return
                if time.monotonic() - started >= STEADY_S:
                    backoff_s = FIRST_BACKOFF_S
                log.warning("part_ended", part=self._program.name, how=_ending(code), restart_in_s=backoff_s)
                await self._pause(backoff_s)
                backoff_s = min(2 * backoff_s, LAST_BACKOFF_S)
        except StartFailed as failure:
            self.ready.set_exception(failure)
        finally:
            self.ready.cancel()
            self._ended.set()

    async def stop(self) -> None:
        self._stopping.set()
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._program.grace_s):
                await self._ended.wait()
        except TimeoutError:
            log.warning("part_killed", part=self._program.name, grace_s=self._program.grace_s)
            self.kill()
            await self._ended.wait()

    def kill(self) -> None:
        self._stopping.set()
        self._signal(signal.SIGKILL)

    async def _run_once(self) -> int:
        """Start the process and see it through: its exit code, negative for a signal."""
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._program.argv,
                stdin=PIPE,  # held open and never written: its end tells the child that we are gone
                stdout=PIPE,
                stderr=STDOUT,
                env={
                    **os.environ,
                    **self._program.environment,
                    STATUS_FD: str(writing),
                    PARENT_PID: str(os.getpid()),
                },
                pass_fds=(writing,),
                process_group=0,  # the terminal's Ctrl-C is for us: we end the parts in order
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._process = process
        if self._stopping.is_set():
            self._signal(signal.SIGKILL)  # it was told to end while it was being made
        try:
            assert process.stdout is not None
            async with asyncio.TaskGroup() as group:
                group.create_task(self._logs.copy(self._program.name, process.stdout), name="logs")
                group.create_task(self._await_ready(reading), name="ready")
                return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            assert process.stdin is not None
            process.stdin.close()
            self._process = None

    async def _await_ready(self, status: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(status, "rb")
        )
        try:
            line = await reader.readline()  # nothing, if the process ended before
            if line and not self.ready.done():
                self.ready.set_result(json.loads(line))
        finally:
            transport.close()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
