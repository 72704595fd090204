import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from doubles.faulty_database import FaultyDatabase
from doubles.living_core import until
from doubles.stored_calls import stored_call

from trunkline.contract.clock import monotonic_ms
from trunkline.core.calls.model import Call, Complete, Keeping
from trunkline.core.store.call_rows import StoredCall
from trunkline.core.store.store import Store
from trunkline.core.storing.writer import MOST_ROWS, GroupWriter
from trunkline.v1.call_pb2 import CallState, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

DEVICE = b"d" * 16


class Answers:
    """Notes what it is told, and sets `committed` as a machine would."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Call]] = []
        self.versions: list[int] = []

    def stored(self, call: Call, version: int) -> None:
        keeping_of(call).committed = version
        self.versions.append(version)
        self.told.append(("stored", call))

    def not_stored(self, call: Call, *, unknown: bool) -> None:
        self.told.append(("unknown" if unknown else "not stored", call))

    def taken(self, call: Call) -> None:
        self.told.append(("taken", call))

    def of(self, call: Call) -> list[str]:
        return [what for what, told in self.told if told is call]


class Writing:
    """A writer on a real store, and calls for it."""

    def __init__(self, store: Store, tenant_id: bytes, store_wait_ms: int) -> None:
        self.store = store
        self.tenant_id = tenant_id
        self.answers = Answers()
        self.steps: dict[Call, str] = {}
        self.writer = GroupWriter(
            store.calls,
            self.answers,
            lambda call: self.steps.pop(call, ""),
            clock=monotonic_ms,
            store_wait_ms=store_wait_ms,
        )
        self.task: asyncio.Task[None]

    def keep(self, call: Call | None = None, *, steps: str = "", **values: Any) -> Call:
        """Keep a call, a new one unless given, as its machine does."""
        if call is None:
            call = stored_call(device_id=DEVICE, tenant_id=self.tenant_id, **values)
        keeping_of(call).version += 1
        self.steps[call] = self.steps.get(call, "") + steps
        self.writer.keep(call)
        return call

    async def stored(self, **values: Any) -> Call:
        """A call that is committed."""
        call = self.keep(**values)
        await until(lambda: self.answers.of(call))
        return call

    def end(self, call: Call, steps: str = "") -> None:
        """It has its reply."""
        keeping_of(call).end = Complete(call, Outcome.OUTCOME_SUCCEEDED, b"7")
        self.keep(call, steps=steps)

    async def row(self, call: Call) -> StoredCall:
        found = await self.store.calls.find(call.tenant_id, call.call_id)
        assert found is not None
        return found


def keeping_of(call: Call) -> Keeping:
    assert call.keeping is not None
    return call.keeping


@asynccontextmanager
async def writing(store: Store, tenant_id: bytes, *, store_wait_ms: int = 60_000) -> AsyncIterator[Writing]:
    w = Writing(store, tenant_id, store_wait_ms)
    w.task = asyncio.create_task(w.writer.run())
    try:
        async with asyncio.timeout(20):
            yield w
    finally:
        w.task.cancel()
        await asyncio.gather(w.task, return_exceptions=True)


async def test_a_call_is_inserted_changed_and_ended(store: Store, tenant_id: bytes) -> None:
    async with writing(store, tenant_id) as w:
        call = await w.stored(steps="1 1 \n")
        assert w.answers.of(call) == ["stored"] and (await w.row(call)).timeline == "1 1 \n"
        w.keep(call, steps="2 5 \n")
        await until(lambda: len(w.answers.told) == 2)
        w.end(call)
        await until(lambda: len(w.answers.told) == 3)
        row = await w.row(call)
        assert (row.state, row.outcome, row.reply) == (
            CallState.CALL_STATE_SUCCESSFUL,
            Outcome.OUTCOME_SUCCEEDED,
            b"7",
        )
        assert row.end_unix_ms > row.create_unix_ms and row.timeline == "1 1 \n2 5 \n"
        assert w.answers.versions == [1, 2, 3]
        assert not w.writer.waiting and not w.writer._ended and not w.writer._inserts


async def test_what_gathers_is_one_commit_and_what_is_too_much_is_more(store: Store, tenant_id: bytes) -> None:
    async with writing(store, tenant_id) as w:
        calls = [w.keep() for _ in range(MOST_ROWS)]
        await until(lambda: len(w.answers.told) == len(calls))
        assert w.writer.commits == 1
        more = [w.keep() for _ in range(MOST_ROWS + 1)]
        await until(lambda: len(w.answers.told) == len(calls) + len(more))
        assert w.writer.commits == 3 and w.writer.rows_written == len(calls) + len(more)
        large = [w.keep(keeping={"body_bytes": 3 << 20}) for _ in range(3)]
        await until(lambda: all(w.answers.of(call) for call in large))
        assert w.writer.commits == 6


async def test_changes_that_nobody_waits_for_gather(store: Store, tenant_id: bytes) -> None:
    async with writing(store, tenant_id) as w:
        call = await w.stored()
        for _ in range(5):
            w.keep(call)
        await until(lambda: len(w.answers.told) == 2)
        assert w.writer.commits == 2 and w.answers.versions == [1, 6]


async def test_an_id_or_a_key_that_is_taken_is_told(store: Store, tenant_id: bytes) -> None:
    async with writing(store, tenant_id) as w:
        first = await w.stored(keeping={"idempotency_key": "key"})
        same_id = w.keep(call_id=first.call_id)
        same_key = w.keep(keeping={"idempotency_key": "key"})
        other = await w.stored()
        assert [w.answers.of(call) for call in (same_id, same_key, other)] == [["taken"], ["taken"], ["stored"]]
        assert not w.writer._inserts


async def test_a_row_that_cannot_be_written_keeps_no_other_from_it(store: Store, tenant_id: bytes) -> None:
    async with writing(store, tenant_id) as w:
        calls = [w.keep(), w.keep(method="\ud800"), w.keep()]
        await until(lambda: all(w.answers.of(call) for call in calls))
        assert [w.answers.of(call) for call in calls] == [["stored"], ["not stored"], ["stored"]]
        assert not w.writer.waiting and not w.writer.down


# --- the store is down ---


async def test_while_the_store_is_down_submits_are_refused_and_facts_wait(
    store: Store, tenant_id: bytes, database: FaultyDatabase
) -> None:
    async with writing(store, tenant_id) as w:
        call = await w.stored(steps="1 1 \n")
        database.is_gone()
        w.end(call, steps="2 13 \n")
        refused = w.keep()
        await until(lambda: w.answers.of(refused))
        assert w.answers.of(refused) == ["not stored"] and w.writer.down
        assert w.answers.of(call) == ["stored"]
        database.mend()
        await until(lambda: len(w.answers.of(call)) == 2)
        assert not w.writer.down
        assert ((await w.row(call)).reply, (await w.row(call)).timeline) == (b"7", "1 1 \n2 13 \n")
        assert await store.calls.find(tenant_id, refused.call_id) is None


async def test_who_waits_too_long_hears_that_the_call_is_not_stored(
    store: Store, tenant_id: bytes, database: FaultyDatabase
) -> None:
    async with writing(store, tenant_id, store_wait_ms=50) as w:
        database.takes_its_time()
        under_way = w.keep()
        await database.asked.wait()
        behind = w.keep()
        await until(lambda: w.answers.of(behind))
        assert (w.answers.of(under_way), w.answers.of(behind)) == (["unknown"], ["not stored"])
        database.mend()
        await until(lambda: len(w.answers.told) == 3)
        assert w.answers.of(under_way) == ["unknown", "stored"]
        assert await store.calls.find(tenant_id, behind.call_id) is None


@pytest.mark.parametrize("fault", [FaultyDatabase.loses_answers, FaultyDatabase.loses_commits])
async def test_a_lost_answer_to_a_commit_is_asked_for(
    store: Store, tenant_id: bytes, database: FaultyDatabase, fault: Callable[[FaultyDatabase], None]
) -> None:
    async with writing(store, tenant_id) as w:
        known = await w.stored(steps="1 1 \n")
        fault(database)
        w.end(known, steps="2 13 \n")
        fresh = w.keep(steps="3 1 \n")
        await database.asked.wait()
        await until(lambda: w.writer._doubtful)
        w.keep(fresh, steps="4 3 \n")  # it goes on meanwhile
        database.mend()
        await until(lambda: fresh.keeping is not None and fresh.keeping.committed == 2)
        await until(lambda: len(w.answers.of(known)) == 2)
        assert (await w.row(known)).timeline == "1 1 \n2 13 \n"
        row = await w.row(fresh)
        assert (row.timeline, row.version) == ("3 1 \n4 3 \n", 2)
        assert not w.writer._doubtful and not w.writer.waiting


async def test_a_lost_answer_about_an_id_that_another_call_has(
    store: Store, tenant_id: bytes, database: FaultyDatabase
) -> None:
    async with writing(store, tenant_id) as w:
        first = await w.stored()
        database.loses_answers()
        second = w.keep(call_id=first.call_id)
        await until(lambda: w.writer._doubtful)
        database.mend()
        await until(lambda: w.answers.of(second))
        assert w.answers.of(second) == ["taken"]


# --- removal and shutdown ---


async def test_of_a_removed_call_nothing_more_is_written(
    store: Store, tenant_id: bytes, database: FaultyDatabase
) -> None:
    async with writing(store, tenant_id) as w:
        call = await w.stored()
        database.loses_commits()
        w.end(call)
        await until(lambda: w.writer._doubtful)
        w.writer.remove(call)
        database.mend()
        assert await store.calls.delete(tenant_id, call.call_id)
        await w.stored()
        assert await store.calls.find(tenant_id, call.call_id) is None
        assert w.answers.of(call) == ["stored"]


async def test_what_is_left_is_written_in_the_end(store: Store, tenant_id: bytes, database: FaultyDatabase) -> None:
    async with writing(store, tenant_id) as w:
        known = await w.stored()
        database.takes_its_time()
        under_way = w.keep(steps="1 1 \n")
        await database.asked.wait()
        w.keep(known)
        w.task.cancel()
        await asyncio.wait([w.task])
        database.mend()
        await w.writer.flush()
        assert w.answers.of(under_way) == ["stored"] and (await w.row(under_way)).timeline == "1 1 \n"
        assert (await w.row(known)).version == 2


async def test_in_the_end_a_store_that_is_down_is_not_waited_for(
    store: Store, tenant_id: bytes, database: FaultyDatabase
) -> None:
    async with writing(store, tenant_id) as w:
        call = await w.stored()
        database.is_gone()
        w.end(call)
        await w.writer.flush()
        assert w.answers.of(call) == ["stored"] and w.writer.waiting == 1


async def test_an_end_is_written_with_why(store: Store, tenant_id: bytes) -> None:
    async with writing(store, tenant_id) as w:
        call = await w.stored()
        reason, cause = ErrorReason.ERROR_REASON_CALL_EXPIRED, Cause.CAUSE_DEVICE_OFFLINE
        keeping_of(call).end = Complete(call, Outcome.OUTCOME_EXPIRED, b"", reason, cause, "no\0 device")
        w.keep(call)
        await until(lambda: len(w.answers.told) == 2)
        row = await w.row(call)
        assert (row.state, row.outcome, row.reason, row.cause, row.detail, row.reply) == (
            CallState.CALL_STATE_EXPIRED,
            Outcome.OUTCOME_EXPIRED,
            reason,
            cause,
            "no\ufffd device",
            None,
        )
