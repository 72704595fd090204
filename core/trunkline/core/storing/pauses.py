"""Pauses between attempts to reach a store that does not answer."""

from typing import Final

FIRST_S: Final = 0.05
LONGEST_S: Final = 1.0


class Pauses:
    """Each is twice as long as the one before, until an attempt succeeds."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def next_s(self) -> float:
        """How long to wait before the next attempt."""
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_S)
        return pause_s

    def reset(self) -> None:
        """An attempt succeeded."""
        self._next_s = FIRST_S
