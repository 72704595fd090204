"""Long lists give way."""

import asyncio

from trunkline.core.gentle import PART, mapped


async def test_the_loop_goes_on_between_two_parts() -> None:
    seen: list[int] = []

    async def look() -> None:
        while True:
            seen.append(len(done))
            await asyncio.sleep(0)

    done: list[int] = []

    def negated(item: int) -> int:
        done.append(item)
        return -item

    looking = asyncio.create_task(look())
    made = await mapped(negated, range(3 * PART + 1))
    looking.cancel()
    assert made == [-item for item in range(3 * PART + 1)]
    assert seen == [PART, 2 * PART, 3 * PART]


async def test_nothing_is_nothing() -> None:
    assert await mapped(str, ()) == []
