"""All parts in one process, on one loop: they meet in memory instead of over gRPC."""

import asyncio
from collections.abc import Callable, Sequence

from prometheus_client.registry import Collector

from trunkline.cli.errors import CommandError
from trunkline.cli.layout import MQTT, Layout
from trunkline.cli.parts import CorePart, FacadePart, WorkerPart
from trunkline.cli.ready import Facts
from trunkline.cli.running import run
from trunkline.contract.errors import TrunklineError


class OneProcess:
    """A part made of all parts; it ends when one of them does."""

    def __init__(self, layout: Layout) -> None:
        self._core = CorePart(layout.core)
        self._worker = WorkerPart(MQTT, layout.worker, layout.mqtt, self._core.core.link_connector())
        self._facade = FacadePart(layout.facade, self._core.core.caller_connector())
        self.metrics_at = self._core.metrics_at

    @property
    def collectors(self) -> Sequence[Collector]:
        return (*self._core.collectors, *self._worker.collectors, *self._facade.collectors)

    async def start(self) -> Facts:
        return await self._core.start() | await self._worker.start() | await self._facade.start()

    async def ended(self) -> int:
        ends = [asyncio.create_task(part.ended(), name="await end") for part in (self._worker, self._facade)]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for end in ends:
                end.cancel()

    async def drain(self) -> None:
        await self._facade.drain()
        await self._worker.drain()
        await self._core.drain()


def run_in_one(layout: Layout, on_ready: Callable[[Facts], None]) -> int:
    """Run all parts until told to end, or until one of them ends; the exit code. Raises CommandError."""
    try:
        return run(lambda: OneProcess(layout), on_ready)
    except (TrunklineError, OSError) as error:
        raise CommandError(str(error)) from error
