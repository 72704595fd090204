"""A tracker on a real store, whose clocks move when told."""

import pytest
from doubles.device_rows import device, stored
from doubles.people import People
from doubles.presence_time import INACTIVITY_MS, NewTracker, Row, Time
from doubles.wall_clock import WallClock

from trunkline.core.presence.model import Presence
from trunkline.core.presence.scope import Scope
from trunkline.core.presence.tracker import PresenceTracker
from trunkline.core.store.store import Store


@pytest.fixture
def time(wall: WallClock) -> Time:
    return Time(wall)


@pytest.fixture
def new_tracker(store: Store, time: Time) -> NewTracker:
    async def load() -> PresenceTracker:
        return await PresenceTracker.load(
            store.presence,
            inactivity_ms=INACTIVITY_MS,
            write_ms=1,
            activity_write_ms=10_000,
            clock=time.monotonic,
            now_ms=lambda: time.unix_ms,
        )

    return load


@pytest.fixture
async def tracker(new_tracker: NewTracker) -> PresenceTracker:
    return await new_tracker()


@pytest.fixture
async def lamp(store: Store, people: People) -> bytes:
    return (await stored(store.devices, device(people.tenant_id, "lamp"))).id


@pytest.fixture
async def pump(store: Store, people: People) -> bytes:
    return (await stored(store.devices, device(people.tenant_id, "pump", customer_id=people.customer_id))).id


@pytest.fixture
def row(store: Store, people: People, time: Time) -> Row:
    async def read(device_id: bytes) -> Presence:
        found = await store.presence.find(Scope(people.tenant_id), [device_id], time.unix_ms - INACTIVITY_MS)
        return found[device_id]

    return read
