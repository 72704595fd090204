import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from doubles.call_rows import new_call
from doubles.faulty_database import FaultyDatabase
from doubles.living_core import until
from doubles.stored_calls import stored_call

from trunkline.core.calls.model import Call, Complete
from trunkline.core.store.database import IN_LIMIT
from trunkline.core.store.store import Store
from trunkline.core.storing.fetcher import Fetcher
from trunkline.v1.call_pb2 import Outcome

DEVICE = b"d" * 16


class Wanted:
    """Notes what was fetched, and what was not there."""

    def __init__(self) -> None:
        self.groups: list[list[Call]] = []
        self.removed: list[Call] = []

    def fetched(self, calls: Sequence[Call]) -> None:
        self.groups.append(list(calls))

    def remove(self, call: Call) -> None:
        self.removed.append(call)


class Fetching:
    """A fetcher on a real store with calls in it."""

    def __init__(self, store: Store, tenant_id: bytes) -> None:
        self.wanted = Wanted()
        self.fetcher = Fetcher(store.calls, self.wanted)
        self._store = store
        self._tenant_id = tenant_id
        self._ordinal = 0

    async def group(self, size: int) -> tuple[Call, ...]:
        """Calls that wait, each with a method of its own."""
        rows = []
        for _ in range(size):
            self._ordinal += 1
            rows.append(new_call(self._tenant_id, DEVICE, self._ordinal, method=f"m{self._ordinal}"))
        await self._store.calls.write(rows, ())
        return tuple(
            stored_call(device_id=DEVICE, tenant_id=self._tenant_id, call_id=row.call_id, taken_up=True) for row in rows
        )


@pytest.fixture
async def f(store: Store, tenant_id: bytes) -> AsyncIterator[Fetching]:
    fetching = Fetching(store, tenant_id)
    task = asyncio.create_task(fetching.fetcher.run())
    async with asyncio.timeout(20):
        yield fetching
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_calls_get_what_they_carry(f: Fetching) -> None:
    first, second = await f.group(2), await f.group(1)
    f.fetcher.fetch(first)
    f.fetcher.fetch(second)
    await until(lambda: len(f.wanted.groups) == 2)
    assert [[call.method for call in group] for group in f.wanted.groups] == [["m1", "m2"], ["m3"]]
    assert all(call.params == b"{}" and call.keeping and call.keeping.loaded for call in (*first, *second))


async def test_more_than_fits_into_one_query(f: Fetching) -> None:
    groups = [await f.group(IN_LIMIT // 2 + 1) for _ in range(3)]
    for group in groups:
        f.fetcher.fetch(group)
    await until(lambda: len(f.wanted.groups) == 3)
    assert [[*group] for group in groups] == f.wanted.groups


async def test_what_is_gone_is_removed_and_what_ended_is_left_alone(f: Fetching) -> None:
    gone = stored_call(device_id=DEVICE, tenant_id=b"t" * 16, taken_up=True)
    (ended,) = await f.group(1)
    assert ended.keeping is not None
    ended.keeping.end = Complete(ended, Outcome.OUTCOME_EXPIRED)
    f.fetcher.fetch((gone, ended))
    await until(lambda: f.wanted.groups)
    assert f.wanted.removed == [gone] and f.wanted.groups == [[gone, ended]]
    assert not ended.method and not ended.keeping.loaded


async def test_it_is_asked_again_when_the_store_is_back(f: Fetching, database: FaultyDatabase) -> None:
    group = await f.group(1)
    database.is_gone()
    f.fetcher.fetch(group)
    await database.asked.wait()
    assert not f.wanted.groups
    database.mend()
    await until(lambda: f.wanted.groups)
    assert group[0].method == "m1"
