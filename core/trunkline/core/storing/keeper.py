"""Keeps stored calls: whatever their machines want written or read goes through here."""

import asyncio
from collections.abc import Callable
from typing import Final

from trunkline.contract.clock import Clock
from trunkline.contract.logs import get_logger
from trunkline.core.calls.model import Call
from trunkline.core.calls.runner import CallRunner
from trunkline.core.store.calls import CallRows
from trunkline.core.storing.fetcher import Fetcher
from trunkline.core.storing.writer import GroupWriter

log = get_logger(__name__)

CLOSE_S: Final = 5.0
"""How long a core that ends waits for its database."""


class Keeper:
    """The runner's keeper; it is told by `serves` for whom it keeps, before anything is kept."""

    def __init__(self, rows: CallRows, take_steps: Callable[[Call], str], *, clock: Clock, store_wait_ms: int) -> None:
        self._rows = rows
        self._take_steps = take_steps
        self._clock = clock
        self._store_wait_ms = store_wait_ms
        self.writer: GroupWriter
        self._fetcher: Fetcher

    def serves(self, runner: CallRunner, taken: Callable[[Call], None]) -> None:
        """Answer this runner; `taken` is told of calls whose id or idempotency key is another call's."""
        self.writer = GroupWriter(
            self._rows,
            _Answers(runner, taken),
            self._take_steps,
            clock=self._clock,
            store_wait_ms=self._store_wait_ms,
        )
        self._fetcher = Fetcher(self._rows, runner)

    def keep(self, call: Call) -> None:
        """Write the call's row, as it is when its turn comes."""
        self.writer.keep(call)

    def fetch(self, calls: tuple[Call, ...]) -> None:
        """Read what these calls of one device carry."""
        self._fetcher.fetch(calls)

    def remove(self, call: Call) -> None:
        """The call's row was deleted: write nothing more of it."""
        self.writer.remove(call)

    async def run(self) -> None:
        """Write and read until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.writer.run(), name="stored calls' writer")
            tasks.create_task(self._fetcher.run(), name="stored calls' fetcher")

    async def close(self) -> None:
        """Write what is left, after `run` was cancelled; what the store does not take now, it has not lost: the next
        core takes the calls up as their rows are."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.writer.flush()
        except TimeoutError:
            log.warning("calls_not_written_in_the_end", calls=self.writer.waiting)


class _Answers:
    """The runner, and who knows whose ids are taken."""

    def __init__(self, runner: CallRunner, taken: Callable[[Call], None]) -> None:
        self._runner = runner
        self._taken = taken

    def stored(self, call: Call, version: int) -> None:
        self._runner.stored(call, version)

    def not_stored(self, call: Call, *, unknown: bool) -> None:
        self._runner.not_stored(call, unknown=unknown)

    def taken(self, call: Call) -> None:
        self._taken(call)
