"""Runs one part of Trunkline in this process, from its start to its drained end: alone, as a child, or all in one."""

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

import uvloop
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from trunkline.cli.ready import Facts, at
from trunkline.contract.metrics import serve_metrics

GC_THRESHOLDS: Final = (50_000, 20, 100)
"""Once started: with the defaults the collector looked at every waiting frame several times."""


class Part(Protocol):
    """What a part must offer to be run."""

    @property
    def collectors(self) -> Sequence[Collector]:
        """What it counts."""
        ...

    @property
    def metrics_at(self) -> tuple[str, int]:
        """Host and port to serve its figures on; a negative port: nowhere."""
        ...

    async def start(self) -> Facts:
        """Come up; returns when the part serves, with what the operator should hear about it."""
        ...

    async def ended(self) -> int:
        """Wait until the part ends by itself; the exit code."""
        ...

    async def drain(self) -> None:
        """End gracefully: every waiting caller gets an answer, within the part's own grace."""
        ...


def run(make: Callable[[], Part], on_ready: Callable[[Facts], None], first: Callable[[], None] | None = None) -> int:
    """Run the part that `make` makes until SIGTERM, SIGINT or its own end; the exit code.

    Everything is called on the part's loop: `first` before anything else, `on_ready` once it serves. Raises what the
    part's start raises.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(make, on_ready, first))


async def _run(make: Callable[[], Part], on_ready: Callable[[Facts], None], first: Callable[[], None] | None) -> int:
    if first is not None:
        first()
    gc.set_threshold(*GC_THRESHOLDS)  # a start may build much that stays, such as what it has of 100,000 stored calls
    part = make()
    facts = await part.start()
    told = asyncio.Event()  # from here on signals drain; before, they end the process as they always do
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    try:
        with _metrics(part) as where:
            calm_collector()
            on_ready(facts | where)
            return await _until(told, part)
    finally:
        await part.drain()


@contextmanager
def _metrics(part: Part) -> Iterator[Facts]:
    host, port = part.metrics_at
    if port < 0:
        yield Facts()
        return
    registry = CollectorRegistry()
    for collector in part.collectors:
        registry.register(collector)
    server = serve_metrics(host, port, registry)
    try:
        yield Facts({"metrics": f"http://{at(host, server.port)}/metrics"})
    finally:
        server.close()


async def _until(told: asyncio.Event, part: Part) -> int:
    """0 once we were told to end, or the part's own exit code."""
    waiting = asyncio.create_task(told.wait(), name="await signal")
    ended = asyncio.create_task(part.ended(), name="await end")
    try:
        await asyncio.wait((waiting, ended), return_when=asyncio.FIRST_COMPLETED)
        return ended.result() if ended.done() else 0
    finally:
        waiting.cancel()
        ended.cancel()


def calm_collector() -> None:
    """Keep the garbage collector away from what a start has built."""
    gc.collect()
    gc.freeze()
