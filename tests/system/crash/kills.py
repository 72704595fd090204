"""Kills parts at random moments."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from system.crash.parts import Mortal

SHORTEST_S: Final = 0.05
LET_STAND: Final = 0.5
"""How often everything may be ready again before the next kill comes nearer; else parts die while others start."""


async def kill_at_random(parts: Sequence[Mortal], kills: int, mean_s: float, chance: random.Random) -> None:
    """One kill after another, `mean_s` apart on average beside what the restarts take. Each part gets its turn, in an
    order that changes from round to round."""
    turns: list[Mortal] = []
    for _ in range(kills):
        turns = turns or chance.sample(parts, len(parts))
        if chance.random() < LET_STAND:
            await asyncio.gather(*(part.ready.wait() for part in parts))
        await asyncio.sleep(SHORTEST_S + chance.expovariate(1 / mean_s))
        turns.pop().kill()
    await asyncio.sleep(SHORTEST_S + chance.expovariate(1 / mean_s))
