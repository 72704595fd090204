"""How late a peer's batches come: what makes remaining times honest without synchronised clocks.

Only remaining milliseconds travel. A batch that stood in a clogged socket, or was read late by a process that had been
stopped, would give its calls more time than they have. Each batch carries its sender's monotonic clock: the smallest
difference to our own clock ever seen is the offset plus the fastest way, and what a batch exceeds it by, it came late.
"""

from typing import Final

WINDOW_MS: Final = 10 * 60 * 1000
"""How long a smallest difference is believed: clocks drift."""

_SLOT_MS: Final = WINDOW_MS // 10


class PeerClock:
    """The smallest difference of the last ten minutes, kept as one minimum per minute."""

    __slots__ = ("_minima", "_smallest")

    def __init__(self) -> None:
        self._minima: dict[int, int] = {}
        """Smallest (own clock − peer's clock) by minute of our own clock; at most eleven."""
        self._smallest: int | None = None

    def excess(self, clock_ms: int, now: int) -> int:
        """Milliseconds to take off the remaining times of a batch that was written at `clock_ms` and came at `now`."""
        difference = now - clock_ms
        slot = now // _SLOT_MS
        known = self._minima.get(slot)
        if known is None or difference < known:
            self._minima[slot] = difference
            oldest = (now - WINDOW_MS) // _SLOT_MS
            self._minima = {at: minimum for at, minimum in self._minima.items() if at >= oldest}
            self._smallest = min(self._minima.values())
        assert self._smallest is not None  # this batch is among the minima
        return difference - self._smallest
