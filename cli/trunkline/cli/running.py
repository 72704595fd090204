"""Runs one part of Trunkline in this process, from its start to its drained end: alone, as a child, or all in one."""

import asyncio
import gc
import signal
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import structlog
import uvloop

Facts = Mapping[str, Any]

YOUNG_THRESHOLDS: Final = (50_000, 20, 100)
"""The collector's thresholds once started: with the defaults it looked at every frame several times."""

log = structlog.stdlib.get_logger(__name__)


class Part(Protocol):
    """What a part must offer to be run."""

    async def start(self) -> Facts:
        """Come up; returns when the part serves, with what the operator should hear about it (JSON values)."""
        ...

    async def ended(self) -> int:
        """Wait until the part ends by itself; the exit code."""
        ...

    async def drain(self) -> None:
        """End gracefully: every waiting caller gets an answer, within the part's own grace."""
        ...


def run(part: Callable[[], Part], on_ready: Callable[[Facts], None], before: Callable[[], None] | None = None) -> int:
    """Run the part on its own loop until SIGTERM, SIGINT or its own end; the exit code.

    `part` makes the part, on the loop; `before` is called on the loop before anything else.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(part, on_ready, before))


async def _run(part: Callable[[], Part], on_ready: Callable[[Facts], None], before: Callable[[], None] | None) -> int:
    if before is not None:
        before()
    running = part()
    facts = await running.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    calm_collector()
    on_ready(facts)
    try:
        return await _until(stop, running)
    finally:
        await running.drain()


async def _until(stop: asyncio.Event, running: Part) -> int:
    """0 once `stop` is set, or the part's own exit code."""
    async with asyncio.TaskGroup() as group:
        told = group.create_task(stop.wait(), name="await signal")
        ended = group.create_task(running.ended(), name="await end")
        await asyncio.wait((told, ended), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        ended.cancel()
    return 0 if ended.cancelled() else ended.result()


def calm_collector() -> None:
    """Keep the garbage collector away from what a start has built, and from looking too often at the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG_THRESHOLDS)
