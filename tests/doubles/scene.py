"""The scene of many tests: a real core, a worker with devices, and a part that calls them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from doubles.calling_part import CallingPart, calling_part
from doubles.living_core import LivingCore, living_core, until
from doubles.pairs import Kind
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.streams.frames import CallResult
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause

SHORT: Final = {"suspension_ms": 60_000}
"""A break is shorter than the suspension, however long the test takes."""

LONG: Final = {"suspension_ms": 20}
"""A break outlasts the suspension at once."""


class Scene:
    """A core, one worker with the device `lamp`, and a part that calls it."""

    def __init__(self, core: LivingCore, worker: ScriptedWorker, part: CallingPart) -> None:
        self.core = core
        self.worker = worker
        self.part = part
        self.lamp = core.devices["lamp"]

    def call(self, **call: Any) -> asyncio.Future[CallResult]:
        return self.part.call(self.lamp, **call)

    def cut(self, *, mend: bool = True) -> None:
        """Cut the link; the worker is back at once, or when `network.up` is set."""
        if not mend:
            self.worker.network.up.clear()
        self.worker.network.cut()

    async def lost(self) -> None:
        """The suspension of the worker's sessions is over."""
        await until(lambda: not self.core.link().sessions)

    def stray(self, kind: str) -> float:
        (family,) = [one for one in self.core.core.counters.collect() if one.name == "trunkline_stray_replies"]
        (value,) = [sample.value for sample in family.samples if sample.labels == {"kind": kind}]
        return value


@asynccontextmanager
async def scene(kind: Kind, directory: Path, **settings: Any) -> AsyncIterator[Scene]:
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        core = await stack.enter_async_context(living_core(kind, directory, **settings))
        worker = await stack.enter_async_context(ScriptedWorker(core.links()))
        part = await stack.enter_async_context(calling_part(core.calls(), core.people.admin))
        await worker.relinked()
        yield Scene(core, worker, part)


def ended(result: CallResult) -> tuple[Outcome.ValueType, Cause.ValueType]:
    return result.outcome, result.cause
