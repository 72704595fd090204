"""Devices and their credentials as rows."""

from dataclasses import replace

import pytest
from doubles.device_rows import device, give_token, stored
from doubles.people import NOW_MS, People

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.calls.model import Redelivery
from trunkline.core.clock import unix_ms
from trunkline.core.devices.credentials import ACCESS_TOKEN, MQTT_BASIC
from trunkline.core.devices.model import EVERY_DEVICE, Device, DeviceDetails, DeviceFilter, access_token_credentials
from trunkline.core.devices.names import NameConflict
from trunkline.core.presence.model import NEVER, Presence, PresenceChange
from trunkline.core.store.database import IN_LIMIT
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason


async def test_a_device_comes_back_as_stored(store: Store, people: People) -> None:
    new = device(people.tenant_id, "Pump", customer_id=people.customer_id, info=b'{"a":1}')
    kept = await stored(store.devices, new)
    assert kept == replace(new, type="default", profile_id=kept.profile_id, customer_title="A")
    assert await store.devices.find(new.id) == kept
    assert await store.devices.find_by_name(people.tenant_id, "Pump") == kept
    assert await store.devices.find_by_name(people.other_tenant_id, "Pump") is None
    assert await store.devices.find(new_id()) is None


async def test_a_type_is_a_profile_made_when_needed(store: Store, people: People) -> None:
    first = await stored(store.devices, device(people.tenant_id, "1", type_name="pump"))
    second = await stored(store.devices, device(people.tenant_id, "2", type_name="pump"))
    assert first.profile_id == second.profile_id
    by_id = await stored(store.devices, replace(device(people.tenant_id, "3"), profile_id=first.profile_id))
    assert by_id.type == "pump"
    elsewhere = await stored(store.devices, device(people.other_tenant_id, "1", type_name="pump"), "other")
    assert elsewhere.profile_id != first.profile_id


@pytest.mark.parametrize("type_name", ["", "pump"])
async def test_a_tenant_that_is_gone_gets_no_device(store: Store, people: People, type_name: str) -> None:
    """Its administrator may have been let in just before."""
    await store.tenants.delete(people.tenant_id, NOW_MS)
    with pytest.raises(TrunklineError, match="Device is referencing to non-existent tenant!") as caught:
        await stored(store.devices, device(people.tenant_id, "1", type_name=type_name))
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT


async def test_a_profile_of_another_tenant_does_not_exist(store: Store, people: People) -> None:
    theirs = await stored(store.devices, device(people.other_tenant_id, "1"))
    with pytest.raises(TrunklineError, match="Device is referencing non existing device profile!"):
        await stored(store.devices, replace(device(people.tenant_id, "2"), profile_id=theirs.profile_id))


async def test_a_customer_of_another_tenant_does_not_exist(store: Store, people: People) -> None:
    with pytest.raises(TrunklineError, match="Can't assign device to non-existent customer!") as caught:
        await stored(store.devices, device(people.other_tenant_id, "1", customer_id=people.customer_id))
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT


async def test_names_are_unique_in_a_tenant_and_tokens_everywhere(store: Store, people: People) -> None:
    await stored(store.devices, device(people.tenant_id, "Pump"), "token")
    with pytest.raises(TrunklineError, match="Device with such name already exists!"):
        await stored(store.devices, device(people.tenant_id, "Pump"), "another")
    other = device(people.other_tenant_id, "Pump")
    with pytest.raises(TrunklineError, match="Device credentials are already assigned to another device!") as caught:
        await stored(store.devices, other, "token")
    assert caught.value.reason == ErrorReason.ERROR_REASON_ALREADY_EXISTS
    assert await store.devices.find(other.id) is None  # both or neither
    await stored(store.devices, other, "another")


async def test_credentials_are_replaced_in_place(store: Store, people: People) -> None:
    new = device(people.tenant_id, "Pump")
    credentials = access_token_credentials(new, "old")
    await store.devices.add(new, credentials)
    assert await store.devices.find_credentials(new.id) == credentials
    basic = replace(credentials, type=MQTT_BASIC, credentials_id="user", credentials_value='{"userName":"user"}')
    assert await store.devices.change_credentials(basic, 1) == replace(basic, version=2)
    assert await store.devices.find_credentials(new.id) == replace(basic, version=2)
    assert await store.devices.change_credentials(replace(credentials, id=new_id()), 0) is None
    with pytest.raises(TrunklineError, match="Entity was already changed by someone else") as caught:
        await store.devices.change_credentials(credentials, 1)
    assert caught.value.reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT
    await stored(store.devices, device(people.tenant_id, "Valve"), "taken")
    with pytest.raises(TrunklineError, match="Device credentials are already assigned to another device!"):
        await store.devices.change_credentials(replace(credentials, credentials_id="taken"), 0)
    assert await store.devices.find_credentials(new.id) == replace(basic, version=2)


async def test_a_deleted_device_takes_its_credentials_along(store: Store, people: People) -> None:
    new = await stored(store.devices, device(people.tenant_id, "Pump"), "token")
    await store.devices.delete(new.id)
    assert await store.devices.find(new.id) is None
    assert await store.devices.find_credentials(new.id) is None
    await stored(store.devices, device(people.tenant_id, "Pump"), "token")


async def test_entries_say_what_calls_need(store: Store, people: People) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump", customer_id=people.customer_id))
    gateway = await stored(store.devices, device(people.tenant_id, "Gate", info=b'{"gateway":true}'))
    odd = await stored(store.devices, device(people.tenant_id, "Odd", info=b'{"gateway":"yes"}'))
    await give_token(store.devices, pump.id, "other")
    entries = {entry.name: entry for entry in await store.devices.entries([pump.id, gateway.id, odd.id, new_id()])}
    assert [entry.gateway for entry in entries.values()].count(True) == 1
    assert entries["Gate"].gateway
    assert entries["Pump"].device_id == pump.id
    assert entries["Pump"].tenant_id == people.tenant_id
    assert entries["Pump"].customer_id == people.customer_id
    assert entries["Gate"].customer_id == b""
    assert entries["Pump"].type == "default"
    assert entries["Pump"].profile_id == pump.profile_id
    assert entries["Pump"].redelivery is Redelivery.UNANSWERED
    assert entries["Pump"].credentials_version == 2


async def test_entries_are_found_by_credentials_however_many(store: Store, people: People) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump"), "token")
    asked = {f"nobody {number}" for number in range(2 * IN_LIMIT)} | {"token", "TOKEN"}
    (known,) = (await store.devices.entries_by_credentials(asked)).values()
    assert (known.type, known.credentials_id, known.credentials_value) == (ACCESS_TOKEN, "token", "")
    assert known.entry == (await store.devices.entries([pump.id]))[0]
    assert await store.devices.entries_by_credentials(()) == {}


def anybody(found: Device | None) -> Device:
    assert found is not None
    return found


async def test_what_is_not_allowed_changes_nothing(store: Store, people: People) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump"))
    seen: list[Device | None] = []

    def allowed(found: Device | None) -> Device:
        seen.append(found)
        raise TrunklineError(ErrorReason.ERROR_REASON_PERMISSION_DENIED, "not you")

    for attempt in (
        store.devices.change(pump.id, DeviceDetails("Valve", type="new"), allowed, version=0, now_unix_ms=NOW_MS),
        store.devices.assign(pump.id, people.customer_id, allowed),
        store.devices.make_public(pump.id, allowed, NOW_MS),
    ):
        with pytest.raises(TrunklineError, match="not you"):
            await attempt
    with pytest.raises(TrunklineError, match="not you"):
        await store.devices.assign(new_id(), people.customer_id, allowed)
    assert seen == [pump, pump, pump, None]
    assert await store.devices.find(pump.id) == pump
    assert await store.devices.types(people.tenant_id, b"") == ["default"]


async def test_a_refused_change_makes_no_profile(store: Store, people: People) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump"))
    await stored(store.devices, device(people.tenant_id, "Valve"))
    for details, version in ((DeviceDetails("Valve", type="new"), 0), (DeviceDetails("Gate", type="new"), 7)):
        with pytest.raises(TrunklineError):
            await store.devices.change(pump.id, details, anybody, version=version, now_unix_ms=NOW_MS)
    profiles = await store.profiles.page(people.tenant_id, Page())
    assert [profile.details.name for profile in profiles.items] == ["default"]


async def test_a_change_says_whether_the_device_has_another_customer(store: Store, people: People) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump"))
    assert (await store.devices.assign(pump.id, people.customer_id, anybody)).reassigned
    assert not (await store.devices.assign(pump.id, people.customer_id, anybody)).reassigned
    details = DeviceDetails("Pump", customer_id=people.customer_id)
    assert not (await store.devices.change(pump.id, details, anybody, version=0, now_unix_ms=NOW_MS)).reassigned
    assert (await store.devices.assign(pump.id, b"", anybody)).reassigned


async def test_presence_is_read_along(store: Store, people: People) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump"))
    assert pump.presence == NEVER
    now = unix_ms()
    await store.presence.write([PresenceChange(pump.id, True, now - 2, now - 3, now - 1)])
    found = await store.devices.find(pump.id)
    assert found is not None
    assert found.presence == Presence(True, True, now - 2, now - 3, now - 1)


@pytest.fixture
async def fleet(store: Store, people: People) -> dict[str, Device]:
    """Devices that differ in everything a list can be about: two of customers, the first and last one active."""
    made = {
        name: await stored(
            store.devices,
            replace(
                device(people.tenant_id, name, customer_id=customer_id, type_name=type_name),
                label=label,
                create_unix_ms=created,
            ),
        )
        for name, customer_id, type_name, label, created in (
            ("apple", people.other_customer_id, "fruit", "3", 4),
            ("Banana", b"", "fruit", "1", 3),
            ("carrot", people.customer_id, "root", "2", 2),
            ("Date", b"", "fruit", "4", 1),
        )
    }
    now = unix_ms()
    await store.presence.write(
        [
            PresenceChange(made["apple"].id, True, 1, 0, now),
            PresenceChange(made["Banana"].id, True, 1, 0, now - 3_600_000),  # half open, and silent for an hour
            PresenceChange(made["Date"].id, False, 1, 2, now),
        ]
    )
    return made


@pytest.mark.parametrize(
    ("sort_by", "names"),
    [
        ("", ["apple", "Banana", "carrot", "Date"]),
        ("create_time", ["Date", "carrot", "Banana", "apple"]),
        ("name", ["Banana", "Date", "apple", "carrot"]),
        ("label", ["Banana", "carrot", "apple", "Date"]),
    ],
)
async def test_devices_are_sorted(
    store: Store, people: People, fleet: dict[str, Device], sort_by: str, names: list[str]
) -> None:
    read = await store.devices.page(people.tenant_id, EVERY_DEVICE, Page(sort_by=sort_by))
    assert [found.name for found in read.items] == names
    assert read.total == len(fleet)


@pytest.mark.parametrize(
    ("sort_by", "first", "last"),
    [
        ("type", {"apple", "Banana", "Date"}, {"carrot"}),
        ("customer_title", {"Banana", "Date"}, {"apple"}),
        ("active", {"Banana", "carrot"}, {"apple", "Date"}),
    ],
)
async def test_devices_that_sort_equal_are_ordered_by_id(
    store: Store, people: People, fleet: dict[str, Device], sort_by: str, first: set[str], last: set[str]
) -> None:
    read = await store.devices.page(people.tenant_id, EVERY_DEVICE, Page(sort_by=sort_by))
    names = [found.name for found in read.items]
    assert (set(names[: len(first)]), set(names[-len(last) :])) == (first, last)
    for equal in (names[: len(first)], names[-len(last) :]):
        assert equal == sorted(equal, key=lambda name: fleet[name].id)


async def test_devices_are_filtered(store: Store, people: People, fleet: dict[str, Device]) -> None:
    async def names(only: DeviceFilter, text_search: str = "") -> set[str]:
        read = await store.devices.page(people.tenant_id, only, Page(text_search=text_search))
        assert read.total == len(read.items)
        return {found.name for found in read.items}

    assert await names(DeviceFilter(customer_id=people.customer_id)) == {"carrot"}
    assert await names(DeviceFilter(type="fruit")) == {"apple", "Banana", "Date"}
    assert await names(DeviceFilter(type="Fruit")) == set()
    assert await names(DeviceFilter(profile_id=fleet["carrot"].profile_id)) == {"carrot"}
    assert await names(DeviceFilter(active=True)) == {"apple", "Date"}
    assert await names(DeviceFilter(active=False)) == {"Banana", "carrot"}
    assert await names(DeviceFilter(ids=frozenset((fleet["apple"].id, new_id())))) == {"apple"}
    assert await names(EVERY_DEVICE, "a") == {"apple", "Banana", "carrot", "Date"}
    assert await names(EVERY_DEVICE, "AN") == {"Banana"}
    assert await names(DeviceFilter(type="fruit", active=True), "d") == {"Date"}
    assert (await store.devices.page(people.other_tenant_id, EVERY_DEVICE, Page())).total == 0


async def test_as_many_ids_as_a_page_has_are_taken(store: Store, people: People) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump"))
    only = DeviceFilter(ids=frozenset(new_id() for _ in range(9_999)) | {pump.id})
    assert (await store.devices.page(people.tenant_id, only, Page(size=10_000))).items == [pump]


async def test_a_list_of_a_customer_of_another_tenant_does_not_exist(store: Store, people: People) -> None:
    for customer_id in (people.customer_id, new_id()):
        with pytest.raises(TrunklineError, match=r"Customer with id \[.*\] is not found") as caught:
            await store.devices.page(people.other_tenant_id, DeviceFilter(customer_id=customer_id), Page())
        assert caught.value.reason == ErrorReason.ERROR_REASON_NOT_FOUND


async def test_names_alike_are_no_conflict(store: Store, people: People) -> None:
    for name in ("a%b", "a_b", "A%B"):
        await stored(store.devices, device(people.tenant_id, name))
    new = device(people.tenant_id, "a%")
    kept = await store.devices.add(new, access_token_credentials(new, "new"), NameConflict())
    assert kept.name == "a%"
