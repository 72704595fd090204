import asyncio

import pytest
from doubles.call_rows import new_call
from doubles.faulty_database import FaultyDatabase
from doubles.living_core import until
from doubles.people import People

from trunkline.core.clock import unix_ms
from trunkline.core.store.store import Store
from trunkline.core.storing import cleaner as module
from trunkline.core.storing.cleaner import DAY_MS, Cleaner
from trunkline.v1.call_pb2 import CallState, Outcome

DEVICE = b"d" * 16


async def fill(store: Store, people: People) -> dict[str, bytes]:
    """Calls that ended long ago, a moment ago and not at all."""
    ended = {"state": CallState.CALL_STATE_EXPIRED, "outcome": Outcome.OUTCOME_EXPIRED}
    rows = {
        "old": new_call(people.tenant_id, DEVICE, 1, end_unix_ms=unix_ms() - 3 * DAY_MS, **ended),
        "older": new_call(people.tenant_id, DEVICE, 2, end_unix_ms=unix_ms() - 30 * DAY_MS, **ended),
        "fresh": new_call(people.tenant_id, DEVICE, 3, end_unix_ms=unix_ms(), **ended),
        "living": new_call(people.tenant_id, DEVICE, 4),
    }
    await store.calls.write(list(rows.values()), ())
    return {name: row.call_id for name, row in rows.items()}


async def left(store: Store, people: People, calls: dict[str, bytes]) -> set[str]:
    return {name for name, call_id in calls.items() if await store.calls.find(people.tenant_id, call_id)}


async def test_what_ended_long_ago_is_removed(store: Store, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)
    calls = await fill(store, people)
    cleaner = Cleaner(store.calls, ttl_days=2.5, interval_s=3600)
    await cleaner.clean()
    assert await left(store, people, calls) == {"fresh", "living"} and cleaner.removed == 2


async def test_it_cleans_at_the_start_and_again_when_the_store_is_back(
    store: Store, people: People, database: FaultyDatabase
) -> None:
    calls = await fill(store, people)
    cleaner = Cleaner(store.calls, ttl_days=1, interval_s=0.01)
    database.is_gone()
    task = asyncio.create_task(cleaner.run())
    await database.asked.wait()
    database.mend()
    await until(lambda: cleaner.removed == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await left(store, people, calls) == {"fresh", "living"}


async def test_calls_may_be_kept_for_ever(store: Store, people: People) -> None:
    calls = await fill(store, people)
    await Cleaner(store.calls, ttl_days=0, interval_s=0.01).run()
    assert await left(store, people, calls) == calls.keys()
