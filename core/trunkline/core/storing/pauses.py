"""Pauses between attempts to reach a store that does not answer."""

import asyncio
from typing import Final

FIRST_S: Final = 0.05
LONGEST_S: Final = 1.0


class Pauses:
    """Each is twice as long as the one before, until an attempt succeeds."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    async def pause(self) -> None:
        """Wait before the next attempt."""
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_S)
        await asyncio.sleep(pause_s)

    def reset(self) -> None:
        """An attempt succeeded."""
        self._next_s = FIRST_S
