"""Callers that wait for their results, and when to see whether they are still there."""

import asyncio
from collections import deque
from typing import Final

from trunkline.contract.streams.frames import CallResult

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
