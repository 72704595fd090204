"""Long lists, worked off in parts: whatever else the loop has to do waits for a part, not for the whole."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

S = TypeVar("S")
T = TypeVar("T")

PART: Final = 250
"""Items that are worked off at once: some milliseconds for a device."""


async def mapped(function: Callable[[S], T], items: Sequence[S]) -> list[T]:
    """What `function` makes of each item, in their order."""
    made: list[T] = []
    for start in range(0, len(items), PART):
        if start:
            await asyncio.sleep(0)
        made += map(function, items[start : start + PART])
    return made
