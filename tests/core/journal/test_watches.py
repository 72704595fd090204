import asyncio

import pytest
from doubles.journal_scenery import Scenery

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.principal import Principal
from trunkline.core.journal.watch import CallFilter
from trunkline.core.presence.scope import Scope
from trunkline.v1.error_pb2 import ErrorReason

ALL = CallFilter()


async def refusal(scenery: Scenery, principal: Principal, device_id: bytes = b"") -> ErrorReason.ValueType:
    with pytest.raises(TrunklineError) as refused:
        await scenery.watches.check(principal, CallFilter(device_id=device_id))
    return refused.value.reason


async def test_who_may_watch_what(scenery: Scenery) -> None:
    people, check = scenery.people, scenery.watches.check
    assert await check(people.admin, ALL) == Scope(people.tenant_id)
    assert await check(people.customer, ALL) == Scope(people.tenant_id, people.customer_id)
    assert await check(people.admin, CallFilter(device_id=scenery.lamp)) == Scope(people.tenant_id)
    assert await check(people.customer, CallFilter(device_id=scenery.pump))
    missing = ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND
    assert await refusal(scenery, people.customer, scenery.lamp) == missing
    assert await refusal(scenery, people.other_customer, scenery.pump) == missing
    assert await refusal(scenery, people.other_admin, scenery.lamp) == missing
    assert await refusal(scenery, people.admin, new_id()) == missing
    assert await refusal(scenery, people.sys_admin) == ErrorReason.ERROR_REASON_PERMISSION_DENIED


async def test_watches_are_counted_and_bounded(scenery: Scenery) -> None:
    watches = scenery.watches = scenery.new_watches(max_watches=2)
    with scenery.watch(), scenery.watch(only=CallFilter(device_id=scenery.lamp)):
        assert len(watches) == 2
        with pytest.raises(TrunklineError) as refused, scenery.watch():
            pass
        assert refused.value.reason == ErrorReason.ERROR_REASON_QUEUE_FULL
    assert not len(watches)
    assert scenery.journal.ring.listener is None  # nobody pays for what nobody watches
    with scenery.watch():
        assert scenery.journal.ring.listener is not None


async def test_only_those_are_woken_whom_an_event_may_concern(scenery: Scenery) -> None:
    with (
        scenery.watch() as of_all,
        scenery.watch(only=CallFilter(device_id=scenery.lamp)) as of_lamp,
        scenery.watch(only=CallFilter(device_id=scenery.pump)) as of_pump,
        scenery.watch(Scope(scenery.people.other_tenant_id)) as of_others,
    ):
        waiting = []
        for watch in (of_all, of_lamp, of_pump, of_others):
            await watch.next()
            waiting.append(asyncio.create_task(watch.next()))
        await asyncio.sleep(0)
        scenery.call(method="set")
        assert [watch._idle for watch in (of_all, of_lamp, of_pump, of_others)] == [False, False, True, True]
        for told in waiting[:2]:
            assert [event.method for event in (await told).events] == ["set"]
        for idle in waiting[2:]:
            idle.cancel()
        await asyncio.wait(waiting)


async def test_all_end_with_the_core(scenery: Scenery) -> None:
    with scenery.watch() as one, scenery.watch(only=CallFilter(device_id=scenery.lamp)) as two:
        scenery.watches.drain()
        for watch in (one, two):
            with pytest.raises(TrunklineError) as ended:
                await watch.next()
            assert ended.value.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
