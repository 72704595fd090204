"""`trunkline simulate`: real MQTT devices that answer, with a progress bar while they connect and live rates after."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from trunkline.cli.behaviours import Behaviour, answer_of
from trunkline.cli.errors import CommandError
from trunkline.cli.fleet import Fleet, Refused
from trunkline.cli.rest import CONNECTIONS, Rest
from trunkline.contract.open_files import allow_open_files

RATE_INTERVAL_S: Final = 1.0
PROGRESS_INTERVAL_S: Final = 0.1
SPARE_FILES: Final = 100

OpenRest = Callable[[], Rest]
"""Opens the REST API, if devices have to be made there."""


class SimulateError(CommandError):
    """The devices cannot be simulated; the message says why."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to simulate; without access tokens the devices `Simulated 1` … are created as far as they do not exist."""

    count: int
    host: str
    port: int
    access_tokens: Sequence[str] = ()
    qos: int = 0
    behaviour: Behaviour = Behaviour.ECHO
    delay_ms: int = 0


def simulated_name(number: int) -> str:
    """The name of the device that `simulate` creates, counted from 1."""
    return f"Simulated {number}"


def simulated_token(number: int) -> str:
    """Its access token: known, so that a later run finds the device again."""
    return f"SIMULATED_{number}"


def run(simulation: Simulation, open_rest: OpenRest) -> None:
    """Run the devices until Ctrl-C or SIGTERM. Raises CommandError."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, suppress(KeyboardInterrupt):
        runner.run(_until_told(simulation, open_rest))


async def _until_told(simulation: Simulation, open_rest: OpenRest) -> None:
    me = asyncio.current_task()
    assert me is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    with suppress(asyncio.CancelledError):
        await simulate(simulation, open_rest, Console())


async def simulate(simulation: Simulation, open_rest: OpenRest, console: Console) -> None:
    """Run the devices until cancelled. Raises CommandError."""
    count = len(simulation.access_tokens) or simulation.count
    allow_connections(count)
    with _progress(console) as progress:
        tokens = simulation.access_tokens or await _provision(count, open_rest, progress)
        fleet = Fleet(
            simulation.host,
            simulation.port,
            tokens,
            answers=partial(answer_of, simulation.behaviour),
            delay_s=simulation.delay_ms / 1000,
            qos=simulation.qos,
        )
        try:
            await _connect(fleet, count, f"{simulation.host}:{simulation.port}", progress)
        except BaseException:
            await fleet.close()
            raise
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.stay_connected(), name="stay connected")
            group.create_task(_show_rates(fleet, console), name="show rates")
    finally:
        await fleet.close()
        console.print(f"{fleet.calls:,} calls {'heard' if simulation.behaviour is Behaviour.SILENT else 'answered'}")


def allow_connections(count: int) -> None:
    """Raise this process's limit of open files as far as `count` connections need. Raises SimulateError."""
    needed = count + SPARE_FILES
    allowed = allow_open_files()
    if allowed < needed:
        raise SimulateError(f"{count} devices need {needed} open files and the system allows {allowed} (ulimit -Hn).")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


async def _provision(count: int, open_rest: OpenRest, progress: Progress) -> list[str]:
    bar = progress.add_task("devices", total=count)
    numbers = iter(range(1, count + 1))

    async def maker(rest: Rest) -> None:
        for number in numbers:
            await rest.make_device(simulated_name(number), simulated_token(number))
            progress.advance(bar)

    async with open_rest() as rest:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(CONNECTIONS, count)):
                    group.create_task(maker(rest), name="make devices")
        except ExceptionGroup as errors:
            raise _told(errors, "") from errors
    return [simulated_token(number) for number in range(1, count + 1)]


async def _connect(fleet: Fleet, count: int, address: str, progress: Progress) -> None:
    bar = progress.add_task("connecting", total=count)

    async def watch() -> None:
        while True:
            progress.update(bar, completed=fleet.connected)
            await asyncio.sleep(PROGRESS_INTERVAL_S)

    try:
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(watch(), name="show progress")
            await fleet.connect()
            watcher.cancel()
    except ExceptionGroup as errors:
        raise _told(errors, f"{address}: ") from errors
    progress.update(bar, completed=fleet.connected)


def _told(errors: BaseExceptionGroup[BaseException], where: str) -> BaseException:
    """The first of these errors, in words if it is one that happens."""
    error = errors.exceptions[0]
    if isinstance(error, BaseExceptionGroup):
        return _told(error, where)
    if isinstance(error, (Refused, OSError, CommandError)):
        return SimulateError(f"{where}{error or 'no answer in time'}")
    return error


async def _show_rates(fleet: Fleet, console: Console) -> None:
    """One line each second while something happens; on a terminal always the same line."""
    calls, before = fleet.calls, time.monotonic()
    shown = ""
    with console.status("") as status:
        while True:
            now = time.monotonic()
            rate = (fleet.calls - calls) / max(now - before, 1e-9)
            calls, before = fleet.calls, now
            trouble = f", {fleet.lost} connections lost so far" if fleet.lost else ""
            line = f"{fleet.connected} devices connected, {rate:,.0f} calls/s, {calls:,} in all{trouble}"
            status.update(line)
            if not console.is_terminal and line != shown:
                console.print(line)
            shown = line
            await asyncio.sleep(RATE_INTERVAL_S)
