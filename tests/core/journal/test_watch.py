"""What one watch tells, and that it remembers nothing but its place."""

import asyncio
from typing import Any

import pytest
from doubles.journal_scenery import EVENTS, Scenery
from doubles.stored_calls import stored_call

from trunkline.contract.errors import TrunklineError
from trunkline.core.calls.model import State
from trunkline.core.journal import watch as watch_module
from trunkline.core.journal.cursor import SNAPSHOT
from trunkline.core.journal.watch import CallFilter, CallUpdate, CallWatch
from trunkline.v1.call_pb2 import CallState, Step
from trunkline.v1.error_pb2 import ErrorReason


async def soon(watch: CallWatch) -> CallUpdate:
    async with asyncio.timeout(10):
        return await watch.next()


def methods(update: CallUpdate) -> list[str]:
    return [event.method for event in update.events]


async def begun(watch: CallWatch) -> str:
    """The first cursor, which comes at once."""
    first = await soon(watch)
    assert not first.events and not first.expired and not first.snapshot_end
    return first.cursor


async def test_what_comes_meanwhile_is_told_together(scenery: Scenery) -> None:
    scenery.call(method="before")
    with scenery.watch() as watch:
        await begun(watch)
        waiting = asyncio.create_task(watch.next())
        await asyncio.sleep(0)
        for name in "abc":
            scenery.call(method=name)
        assert methods(await waiting) == ["a", "b", "c"]
        scenery.call(method="d")
        assert methods(await soon(watch)) == ["d"]


async def test_a_cursor_leads_on(scenery: Scenery) -> None:
    with scenery.watch() as watch:
        cursor = await begun(watch)
        scenery.call(method="a")
        behind_a = (await soon(watch)).cursor
    scenery.call(method="b")
    for shown, told in ((cursor, ["a", "b"]), (behind_a, ["b"])):
        with scenery.watch(cursor=shown, snapshot=True) as watch:
            assert await begun(watch) == shown
            assert methods(await soon(watch)) == told


@pytest.mark.parametrize("shown", ["3-999", "2-0", "nonsense", SNAPSHOT])
async def test_a_cursor_that_leads_nowhere_is_answered_with_what_stands(scenery: Scenery, shown: str) -> None:
    scenery.living.append(scenery.call(method="living"))
    with scenery.watch(cursor=shown) as watch:
        assert (await soon(watch)) == CallUpdate(SNAPSHOT, expired=True)
        standing = await soon(watch)
        assert (methods(standing), standing.cursor) == (["living"], SNAPSHOT)
        end = await soon(watch)
        assert end.snapshot_end and not end.events
        scenery.call(method="new")
        assert methods(await soon(watch)) == ["new"]
    with scenery.watch(cursor=end.cursor) as watch:
        await begun(watch)
        assert methods(await soon(watch)) == ["new"]


async def test_whoever_falls_behind_gets_what_stands(scenery: Scenery) -> None:
    with scenery.watch() as watch:
        cursor = await begun(watch)
        for number in range(EVENTS):
            scenery.call(method=f"m{number}")
        assert len((await soon(watch)).events) == EVENTS  # just not too much
        for _ in range(EVENTS + 1):
            scenery.call()
        assert (await soon(watch)).expired
        assert (await soon(watch)).snapshot_end
    with scenery.watch(cursor=cursor) as watch:
        assert (await soon(watch)).expired


async def test_the_snapshot_is_of_what_lives_in_parts(scenery: Scenery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "MAX_TOLD", 2)
    kept: dict[str, Any] = {"tenant_id": scenery.people.tenant_id, "device_id": scenery.lamp}
    waiting = stored_call(taken_up=True, **kept)
    await scenery.row(waiting, "in the store")
    storing = stored_call(**kept, state=State.STORING)
    others = scenery.call(tenant_id=scenery.people.other_tenant_id)
    sent = scenery.call(method="sent", state=State.SENT)
    hidden = [scenery.call(method="hidden") for _ in range(3)]
    scenery.living += [waiting, storing, others, *hidden, sent]
    with scenery.watch(only=CallFilter(methods=frozenset({"in the store", "sent"})), snapshot=True) as watch:
        updates = [await soon(watch) for _ in range(3)]
        assert [methods(update) for update in updates] == [["in the store"], ["sent"], []]
        (first,), (second,) = updates[0].events, updates[1].events
        assert (first.persistent, first.state) == (True, CallState.CALL_STATE_QUEUED)
        assert (second.persistent, second.state) == (False, CallState.CALL_STATE_SENT)
        assert updates[2].snapshot_end


async def test_what_is_asked_for(scenery: Scenery) -> None:
    queued, failed = CallState.CALL_STATE_QUEUED, CallState.CALL_STATE_SENT
    wanted: list[tuple[CallFilter, list[str]]] = [
        (CallFilter(), ["a", "b", "a"]),
        (CallFilter(device_id=scenery.pump), ["b"]),
        (CallFilter(states=frozenset({failed})), ["a"]),
        (CallFilter(states=frozenset({queued, failed}), methods=frozenset({"b"})), ["b"]),
    ]
    for only, told in wanted:
        with scenery.watch(only=only) as watch:
            await begun(watch)
            call = scenery.call(method="a")
            scenery.call(scenery.pump, method="b")
            scenery.call(tenant_id=scenery.people.other_tenant_id, method="c")
            scenery.journal.noted(call, Step.STEP_SENT)
            assert methods(await soon(watch)) == told


async def test_a_customer_hears_of_its_devices(scenery: Scenery) -> None:
    with scenery.watch(scenery.customers) as watch:
        await begun(watch)
        scenery.call(method="not theirs")
        scenery.call(b"deleted.........", method="nobody's")
        scenery.call(scenery.pump, method="theirs")
        assert methods(await soon(watch)) == ["theirs"]


async def test_methods_that_are_not_in_memory_are_read(scenery: Scenery) -> None:
    kept: dict[str, Any] = {"tenant_id": scenery.people.tenant_id, "device_id": scenery.lamp}
    known, removed = stored_call(taken_up=True, **kept), stored_call(taken_up=True, **kept)
    await scenery.row(known, "wanted")
    with (
        scenery.watch() as watch,
        scenery.watch(only=CallFilter(methods=frozenset({"wanted"}))) as of_wanted,
        scenery.watch(only=CallFilter(methods=frozenset({"other"}))) as of_other,
    ):
        for one in (watch, of_wanted, of_other):
            await begun(one)
        scenery.journal.stored(known)
        scenery.journal.stored(removed)
        scenery.call(method="other")
        assert methods(await soon(watch)) == ["wanted", "", "other"]
        assert methods(await soon(of_wanted)) == ["wanted"]
        assert methods(await soon(of_other)) == ["other"]


async def test_much_is_told_in_parts(scenery: Scenery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "MAX_TOLD", 2)
    monkeypatch.setattr(watch_module, "MAX_LOOKED_AT", 3)
    with scenery.watch(only=CallFilter(methods=frozenset({"a"}))) as watch:
        await begun(watch)
        for name in "bbbbaabaab":
            scenery.call(method=name)
        assert [len((await soon(watch)).events) for _ in range(2)] == [2, 2]


async def test_a_cursor_does_not_grow_old_in_silence(scenery: Scenery) -> None:
    scenery.watches = scenery.new_watches(idle_s=0.001)
    with scenery.watch(only=CallFilter(methods=frozenset({"rare"}))) as watch:
        cursors = {await begun(watch)}
        for number in range(1, 2 * EVENTS):
            scenery.call()
            update = await soon(watch)
            assert not update.events and not update.expired
            cursors.add(update.cursor)
            assert len(cursors) == number + 1
        scenery.call(method="rare")
        assert methods(await soon(watch)) == ["rare"]


async def test_an_end_is_told_at_once(scenery: Scenery) -> None:
    with scenery.watch() as watch:
        await begun(watch)
        waiting = asyncio.create_task(watch.next())
        await asyncio.sleep(0)
        watch.end(TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "over"))
        for ended in (waiting, watch.next()):
            asked: Any = ended
            with pytest.raises(TrunklineError, match="over"):
                await asked


async def test_without_the_store_nothing_is_skipped(scenery: Scenery) -> None:
    kept: dict[str, Any] = {"tenant_id": scenery.people.tenant_id, "device_id": scenery.lamp}
    call = stored_call(taken_up=True, **kept)
    await scenery.row(call, "wanted")
    with scenery.watch() as watch:
        cursor = await begun(watch)
        database = vars(scenery.store.calls._database)

        async def no_answer(work: object, alone: bool = True) -> None:
            raise TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "no answer, says the test")

        database["run"] = no_answer
        scenery.journal.stored(call)
        with pytest.raises(TrunklineError, match="no answer"):
            await soon(watch)
        del database["run"]
    with scenery.watch(cursor=cursor) as watch:
        await begun(watch)
        assert methods(await soon(watch)) == ["wanted"]
