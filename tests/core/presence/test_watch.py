import asyncio
from collections.abc import Sequence

import pytest
from doubles.device_rows import device, stored
from doubles.people import People
from doubles.presence_time import Row, Time

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.presence.model import NEVER
from trunkline.core.presence.scope import Scope
from trunkline.core.presence.tracker import PresenceTracker
from trunkline.core.presence.watch import PresenceUpdate, PresenceWatch
from trunkline.core.store.database import IN_LIMIT
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason

FULL = TrunklineError(ErrorReason.ERROR_REASON_QUEUE_FULL, "full")


def no_bound() -> None:
    """There is room."""


def watch(store: Store, tracker: PresenceTracker, scope: Scope, *wanted: bytes, max_behind: int = 100) -> PresenceWatch:
    return PresenceWatch(store.presence, tracker, scope, frozenset(wanted), no_bound, max_behind=max_behind)


async def test_first_how_things_stand_what_is_not_written_yet_included(
    store: Store, tracker: PresenceTracker, people: People, lamp: bytes, pump: bytes, row: Row
) -> None:
    tracker.opened(lamp, connects=True)
    of_tenant = watch(store, tracker, Scope(people.tenant_id))
    update = await of_tenant.next()
    assert update == PresenceUpdate({lamp: await row(lamp), pump: NEVER}, current=True)
    assert (await row(lamp)).connected
    of_customer = watch(store, tracker, Scope(people.tenant_id, people.customer_id))
    assert await of_customer.next() == PresenceUpdate({pump: NEVER}, current=True)
    of_others = watch(store, tracker, Scope(people.other_tenant_id))
    assert await of_others.next() == PresenceUpdate({}, current=True)


async def test_how_things_stand_comes_in_pages(store: Store, tracker: PresenceTracker, people: People) -> None:
    many = {(await stored(store.devices, device(people.tenant_id, f"d{n}"))).id for n in range(IN_LIMIT + 1)}
    all_ = watch(store, tracker, Scope(people.tenant_id))
    pages = [await all_.next(), await all_.next()]
    assert [page.current for page in pages] == [False, True]
    assert {id_ for page in pages for id_ in page.devices} == many
    named = watch(store, tracker, Scope(people.tenant_id), *many)
    pages = [await named.next(), await named.next()]
    assert [(len(page.devices), page.current) for page in pages] == [(IN_LIMIT, False), (1, True)]


async def test_then_changes_each_device_once_however_often_it_changed(
    store: Store, tracker: PresenceTracker, people: People, lamp: bytes, pump: bytes, row: Row, time: Time
) -> None:
    watching = watch(store, tracker, Scope(people.tenant_id))
    await watching.next()

    def pass_on(device_ids: Sequence[bytes]) -> None:
        for device_id in device_ids:
            watching.changed(device_id)

    tracker.on_changed(pass_on)
    for _ in range(3):
        tracker.closed(tracker.opened(lamp, connects=True))
        await tracker.settle()
        time.pass_ms(1)
    tracker.opened(pump, connects=True)
    await tracker.settle()
    async with asyncio.timeout(10):
        update = await watching.next()
        assert update == PresenceUpdate({lamp: await row(lamp), pump: await row(pump)}, current=True)
        waiting = asyncio.ensure_future(watching.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        watching.changed(lamp)
        assert list((await waiting).devices) == [lamp]


async def test_what_changed_before_it_was_told_how_things_stand_is_told_once(
    store: Store, tracker: PresenceTracker, people: People, lamp: bytes, pump: bytes
) -> None:
    watching = watch(store, tracker, Scope(people.tenant_id))
    watching.changed(lamp)
    await watching.next()
    watching.changed(pump)
    async with asyncio.timeout(10):
        assert list((await watching.next()).devices) == [pump]


async def test_many_changes_come_in_parts(store: Store, tracker: PresenceTracker, people: People) -> None:
    watching = watch(store, tracker, Scope(people.tenant_id), max_behind=IN_LIMIT + 1)
    await watching.next()
    for number in range(IN_LIMIT + 1):
        watching.changed((await stored(store.devices, device(people.tenant_id, f"d{number}"))).id)
    async with asyncio.timeout(10):
        assert len((await watching.next()).devices) == IN_LIMIT
        assert len((await watching.next()).devices) == 1


async def test_a_device_that_may_not_be_seen_any_more_is_told_once(
    store: Store, tracker: PresenceTracker, people: People, lamp: bytes, pump: bytes
) -> None:
    watching = watch(store, tracker, Scope(people.tenant_id))
    await watching.next()
    await store.devices.delete(lamp)
    async with asyncio.timeout(10):
        watching.changed(lamp)
        assert await watching.next() == PresenceUpdate({lamp: None}, current=True)
        assert watching.told == 1
        watching.changed(lamp)
        watching.changed(new_id())  # somebody else's
        watching.changed(pump)
        assert await watching.next() == PresenceUpdate({pump: NEVER}, current=True)


async def test_devices_named_that_are_not_there_are_told_so_and_may_come(
    store: Store, tracker: PresenceTracker, people: People, lamp: bytes, pump: bytes
) -> None:
    new = device(people.tenant_id, "new")
    watching = watch(store, tracker, Scope(people.tenant_id), lamp, new.id)
    assert await watching.next() == PresenceUpdate({lamp: NEVER, new.id: None}, current=True)
    await stored(store.devices, new)
    watching.changed(pump)  # nobody asked
    watching.changed(new.id)
    async with asyncio.timeout(10):
        assert await watching.next() == PresenceUpdate({new.id: NEVER}, current=True)


async def test_who_does_not_read_is_ended_at_the_bound(
    store: Store, tracker: PresenceTracker, people: People, lamp: bytes
) -> None:
    watching = watch(store, tracker, Scope(people.tenant_id), max_behind=1)
    await watching.next()
    watching.changed(lamp)
    watching.changed(lamp)  # the same again
    async with asyncio.timeout(10):
        assert list((await watching.next()).devices) == [lamp]
        watching.changed(lamp)
        watching.changed(new_id())
        with pytest.raises(TrunklineError, match="read faster") as ended:
            await watching.next()
    assert ended.value.reason == ErrorReason.ERROR_REASON_QUEUE_FULL


async def test_a_watch_can_be_ended_at_its_beginning_too(
    store: Store, tracker: PresenceTracker, people: People
) -> None:
    watching = watch(store, tracker, Scope(people.tenant_id))
    watching.end(FULL)
    with pytest.raises(TrunklineError) as ended:
        await watching.next()
    assert ended.value is FULL


async def test_there_must_be_room_for_what_is_told(
    store: Store, tracker: PresenceTracker, people: People, lamp: bytes
) -> None:
    def no_room() -> None:
        raise FULL

    for wanted in (frozenset[bytes](), frozenset({lamp})):
        watching = PresenceWatch(store.presence, tracker, Scope(people.tenant_id), wanted, no_room)
        with pytest.raises(TrunklineError) as ended:
            await watching.next()
        assert ended.value is FULL
