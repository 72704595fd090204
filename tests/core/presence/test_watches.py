import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import pytest
from doubles.people import People
from doubles.presence_time import INACTIVITY_MS, Time

from trunkline.contract.errors import TrunklineError
from trunkline.core.devices.directory import Directory
from trunkline.core.presence.tracker import STEP_MS, PresenceTracker
from trunkline.core.presence.watches import PresenceWatches
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason


@pytest.fixture
def directory(store: Store) -> Directory:
    return Directory(store.devices)


@pytest.fixture
async def watches(store: Store, tracker: PresenceTracker, directory: Directory) -> AsyncIterator[PresenceWatches]:
    watches = PresenceWatches(store.presence, tracker, directory, max_watches=2, max_watched_devices=3, look_s=0.001)
    running = asyncio.create_task(watches.run())
    async with asyncio.timeout(20):
        yield watches
    running.cancel()
    await asyncio.wait([running])


@contextmanager
def refusal_of(reason: ErrorReason.ValueType) -> Iterator[None]:
    """What happens within is refused for this reason."""
    with pytest.raises(TrunklineError) as refused:
        yield
    assert refused.value.reason == reason


async def test_what_the_tracker_wrote_is_told(
    watches: PresenceWatches, tracker: PresenceTracker, people: People, lamp: bytes
) -> None:
    with watches.watch(people.admin) as watch:
        await watch.next()
        tracker.opened(lamp, connects=True)
        await tracker.settle()
        presence = (await watch.next()).devices[lamp]
        assert presence is not None and presence.connected


async def test_a_change_concerns_its_tenant(
    watches: PresenceWatches, directory: Directory, people: People, lamp: bytes
) -> None:
    await directory.load(lamp)
    with watches.watch(people.admin) as ours, watches.watch(people.other_admin) as theirs:
        watches.changed([lamp])
        assert list(ours._changed) == [lamp]
        assert not theirs._changed
        directory.forget(lamp)  # whoever had it may have to be told of its end
        watches.changed([lamp])
        assert list(theirs._changed) == [lamp]


async def test_who_becomes_inactive_is_told(
    watches: PresenceWatches, tracker: PresenceTracker, people: People, lamp: bytes, pump: bytes, time: Time
) -> None:
    visit = tracker.opened(lamp, connects=True)
    tracker.opened(pump, connects=True)
    with watches.watch(people.admin) as watch:
        assert all(presence and presence.active for presence in (await watch.next()).devices.values())
        time.pass_ms(INACTIVITY_MS - STEP_MS)
        tracker.heard(visit, time.monotonic.now)
        time.pass_ms(STEP_MS)
        update = await watch.next()
        assert list(update.devices) == [pump]  # the other one was heard of, which was not written yet
        presence = update.devices[pump]
        assert presence is not None and (presence.connected, presence.active) == (True, False)
        time.pass_ms(INACTIVITY_MS)
        update = await watch.next()
        assert [presence and presence.active for presence in update.devices.values()] == [False]
        assert list(update.devices) == [lamp]


async def test_who_became_inactive_before_anybody_watched_is_no_change(
    watches: PresenceWatches, tracker: PresenceTracker, people: People, lamp: bytes, pump: bytes, time: Time
) -> None:
    tracker.opened(lamp, connects=True)
    time.pass_ms(INACTIVITY_MS)
    with watches.watch(people.admin) as watch:
        presence = (await watch.next()).devices[lamp]
        assert presence is not None and not presence.active
        tracker.opened(pump, connects=True)
        await tracker.settle()
        assert list((await watch.next()).devices) == [pump]


async def test_a_store_that_is_down_is_looked_at_again(
    watches: PresenceWatches,
    tracker: PresenceTracker,
    store: Store,
    people: People,
    lamp: bytes,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = asyncio.Event()

    async def down(*_: int) -> Sequence[bytes]:
        failed.set()
        raise TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "down")

    tracker.opened(lamp, connects=True)
    with watches.watch(people.admin) as watch:
        await watch.next()
        with monkeypatch.context() as patched:
            patched.setattr(store.presence, "silent", down)
            time.pass_ms(INACTIVITY_MS)
            await failed.wait()
        assert list((await watch.next()).devices) == [lamp]


async def test_watches_are_bounded(watches: PresenceWatches, people: People) -> None:
    full = ErrorReason.ERROR_REASON_QUEUE_FULL
    with watches.watch(people.admin), watches.watch(people.admin):
        with refusal_of(full):
            watches.watch(people.admin).__enter__()
    assert len(watches) == 0
    with watches.watch(people.admin):
        assert len(watches) == 1


async def test_what_they_remember_is_bounded(
    watches: PresenceWatches, people: People, lamp: bytes, pump: bytes
) -> None:
    with watches.watch(people.admin) as first, watches.watch(people.admin) as second:
        await first.next()
        with refusal_of(ErrorReason.ERROR_REASON_QUEUE_FULL):
            await second.next()


async def test_a_core_that_ends_ends_its_watches(watches: PresenceWatches, people: People) -> None:
    with watches.watch(people.admin) as watch:
        await watch.next()
        watches.drain()
        with refusal_of(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE):
            await watch.next()


async def test_who_has_no_devices_watches_none(watches: PresenceWatches, people: People) -> None:
    with refusal_of(ErrorReason.ERROR_REASON_PERMISSION_DENIED):
        watches.watch(people.sys_admin).__enter__()
