from doubles.device_rows import device, stored
from doubles.people import People

from trunkline.contract.ids import new_id
from trunkline.core.presence.model import NEVER, Presence, PresenceChange
from trunkline.core.presence.scope import Scope
from trunkline.core.store.database import IN_LIMIT
from trunkline.core.store.store import Store


async def some(store: Store, people: People, *names: str) -> list[bytes]:
    """Devices of the first tenant, the last of them its customer's."""
    made = []
    for name in names:
        customer_id = people.customer_id if name == names[-1] else b""
        made.append((await stored(store.devices, device(people.tenant_id, name, customer_id=customer_id))).id)
    return made


async def test_times_only_grow_and_what_is_not_known_stays(store: Store, people: People) -> None:
    lamp, pump = await some(store, people, "lamp", "pump")
    await store.presence.write([PresenceChange(lamp, True, 10, 0, 12), PresenceChange(pump, True, 20, 0, 20)])
    await store.presence.write([PresenceChange(lamp, False, 9, 30, 0)])
    assert await store.presence.find(Scope(people.tenant_id), [lamp, pump], 12) == {
        lamp: Presence(False, False, 10, 30, 12),
        pump: Presence(True, True, 20, 0, 20),
    }
    assert await store.presence.connected() == [pump]
    assert await store.presence.latest() == 30


async def test_a_device_that_is_gone_holds_nobody_up(store: Store, people: People) -> None:
    lamp, pump = await some(store, people, "lamp", "pump")
    await store.devices.delete(lamp)
    await store.presence.write([PresenceChange(id_, True, 1, 0, 1) for id_ in (lamp, pump, new_id())])
    assert await store.presence.connected() == [pump]
    await store.devices.delete(pump)
    assert await store.presence.connected() == []
    assert await store.presence.latest() == 0


async def test_each_sees_their_own_and_those_that_never_were_there(store: Store, people: People) -> None:
    lamp, pump = await some(store, people, "lamp", "pump")
    await store.presence.write([PresenceChange(lamp, True, 1, 0, 1)])
    both = [lamp, pump]
    assert set(await store.presence.find(Scope(people.tenant_id), both, 0)) == set(both)
    assert await store.presence.find(Scope(people.tenant_id, people.customer_id), both, 0) == {pump: NEVER}
    assert await store.presence.find(Scope(people.other_tenant_id), both, 0) == {}
    assert await store.presence.after(Scope(people.tenant_id, people.customer_id), b"", 0) == {pump: NEVER}


async def test_all_are_read_in_pages_by_id(store: Store, people: People) -> None:
    many = sorted(await some(store, people, *(f"device {number}" for number in range(IN_LIMIT + 2))))
    first = await store.presence.after(Scope(people.tenant_id), b"", 0)
    assert list(first) == many[:IN_LIMIT]
    assert list(await store.presence.after(Scope(people.tenant_id), many[IN_LIMIT - 1], 0)) == many[IN_LIMIT:]


async def test_who_fell_silent_in_between(store: Store, people: People) -> None:
    devices = await some(store, people, "a", "b", "c", "d")
    await store.presence.write([PresenceChange(id_, True, 1, 0, 10 * n) for n, id_ in enumerate(devices, 1)])
    assert set(await store.presence.silent(10, 30)) == set(devices[1:3])
