"""Start numbers only ever grow."""

import asyncio

from trunkline.core.store.store import Store


async def test_each_start_has_the_next_number(url: str) -> None:
    numbers = []
    for _ in range(3):
        store = await Store.open(url)
        numbers.append(await store.starts.next_start(0))
        await store.close()
    assert numbers == [1, 2, 3]


async def test_two_at_once_get_different_numbers(store: Store) -> None:
    assert sorted(await asyncio.gather(*(store.starts.next_start(0) for _ in range(8)))) == list(range(1, 9))
