"""Callers that wait for their results, and when to see whether they are still there."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.types import Receive

from trunkline.contract.streams.frames import CallResult
from trunkline.facade.request_body import CallerGone

Result = TypeVar("Result")

LOOK_S: Final = 0.01
"""Callers whose patience ends within this are looked up together."""


class Waiting:
    """A caller that waits for its result; looked after once it has waited for a while."""

    __slots__ = ("look_at_s", "result", "wake")

    def __init__(self, loop: asyncio.AbstractEventLoop, look_at_s: float) -> None:
        self.wake: asyncio.Future[None] = loop.create_future()
        self.result: CallResult | None = None
        self.look_at_s = look_at_s

    def settle(self, result: CallResult) -> None:
        """The result is here."""
        self.result = result
        self.look_up()

    def look_up(self) -> None:
        """Wake whoever waits, with a result or without."""
        if not self.wake.done():
            self.wake.set_result(None)


class Patience:
    """Looks up those who have waited for long: in the order in which they came, with one timer for all of them.

    A timer of its own would cost each call more than all that happens to it here, and most are answered long before.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, patience_s: float) -> None:
        self._loop = loop
        self._patience_s = patience_s
        self._waiting: deque[Waiting] = deque()
        self._armed = False

    def begin(self) -> Waiting:
        """Somebody begins to wait."""
        waiting = Waiting(self._loop, self._loop.time() + self._patience_s)
        self._waiting.append(waiting)
        if not self._armed:
            self._armed = True
            self._loop.call_later(self._patience_s, self._look)
        return waiting

    def _look(self) -> None:
        now = self._loop.time()
        while self._waiting and self._waiting[0].look_at_s <= now:
            self._waiting.popleft().look_up()
        self._armed = bool(self._waiting)
        if self._armed:
            self._loop.call_later(max(LOOK_S, self._waiting[0].look_at_s - now), self._look)


async def hung_up(receive: Receive) -> None:
    """Return when the caller behind `receive` is gone; what it sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_hung_up(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns or raises. If the caller behind `receive` goes first, `work` is cancelled: CallerGone."""
    working = asyncio.create_task(work, name="awaited by a caller")
    watching = asyncio.create_task(hung_up(receive), name="hang-up watch")
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise CallerGone
    finally:
        working.cancel()
        watching.cancel()
