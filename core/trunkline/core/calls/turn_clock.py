"""How long the call that holds all others may do so while nothing happens: no device is blocked for good."""

from typing import Final

from trunkline.core.calls.model import Call

STOPPED: Final = 1 << 62


class TurnClock:
    """Runs while some session takes calls. It starts anew with each connection of the device, but goes on over gaps
    between polls, which are none."""

    __slots__ = ("_left_ms", "_limit_ms", "_of", "due_at")

    def __init__(self, limit_ms: int) -> None:
        self._limit_ms = limit_ms
        self._left_ms = limit_ms
        self._of: tuple[int, bool] | None = None
        self.due_at = STOPPED

    def run(self, call: Call, delivered: bool, polled: bool, now: int) -> None:
        """The clock runs for this call; `delivered`: and its answer, not its acknowledgement."""
        of = (call.request_id, delivered)
        if self._of != of or (self.due_at == STOPPED and not polled):
            self._of, self._left_ms = of, self._limit_ms
            self.due_at = now + self._limit_ms
        elif self.due_at == STOPPED:
            self.due_at = now + self._left_ms

    def stop(self, now: int) -> None:
        """Nobody takes calls."""
        if self.due_at != STOPPED:
            self._left_ms = max(0, self.due_at - now)
            self.due_at = STOPPED

    def clear(self) -> None:
        """There is no such call."""
        self._of = None
        self.due_at = STOPPED
