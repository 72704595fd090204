"""Devices created, found, changed, given away, deleted and shown other credentials."""

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest
from doubles.people import People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, new_id
from trunkline.contract.streams.frames import Connect, MqttBasic, Refused
from trunkline.core.devices.credentials import ACCESS_TOKEN, MQTT_BASIC, NewCredentials
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import Device, DeviceDetails, DeviceFilter
from trunkline.core.devices.names import NameConflict
from trunkline.core.devices.service import Devices
from trunkline.core.identity.principal import Principal
from trunkline.core.presence.model import NEVER, PresenceChange
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import SessionKind

INVALID = ErrorReason.ERROR_REASON_INVALID_ARGUMENT
TAKEN = ErrorReason.ERROR_REASON_ALREADY_EXISTS
DENIED = ErrorReason.ERROR_REASON_PERMISSION_DENIED
NOT_FOUND = ErrorReason.ERROR_REASON_NOT_FOUND
DEVICE_NOT_FOUND = ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND

NAME_TAKEN = "Device with such name already exists!"
CREDENTIALS_TAKEN = "Device credentials are already assigned to another device!"
NO_CUSTOMER = "Can't assign device to non-existent customer!"

PUMP = DeviceDetails("Pump")


@pytest.fixture
def directory(store: Store) -> Directory:
    return Directory(store.devices)


@pytest.fixture
def devices(store: Store, directory: Directory, wall: WallClock) -> Devices:
    return Devices(store.devices, directory, lambda: wall.now_ms)


def token(text: str) -> NewCredentials:
    return NewCredentials(ACCESS_TOKEN, text)


def details_of(device: Device) -> DeviceDetails:
    """What somebody sends back who read the device."""
    return DeviceDetails(
        name=device.name,
        type=device.type,
        profile_id=device.profile_id,
        label=device.label,
        customer_id=device.customer_id,
        additional_info=device.additional_info,
    )


async def refused(
    attempt: Coroutine[Any, Any, object], reason: ErrorReason.ValueType, message: str = ""
) -> TrunklineError:
    with pytest.raises(TrunklineError, match=re.escape(message) or None) as caught:
        await attempt
    assert caught.value.reason == reason
    return caught.value


async def test_a_new_device_is_the_tenants(devices: Devices, people: People, wall: WallClock) -> None:
    details = DeviceDetails("Pump", label="Room 1", additional_info=b' { "a" : 1 } ')
    made = await devices.create(people.admin, details)
    assert (made.name, made.label, made.type, made.version) == ("Pump", "Room 1", "default", 1)
    assert made.tenant_id == people.tenant_id
    assert made.customer_id == b""
    assert made.create_unix_ms == wall.now_ms
    assert made.additional_info == b'{"a":1}'
    assert made.presence == NEVER
    assert await devices.get(people.admin, made.id) == made
    assert await devices.get_by_name(people.admin, "Pump") == made


async def test_a_token_is_made_unless_something_is_given(devices: Devices, people: People) -> None:
    given = await devices.create(people.admin, DeviceDetails("1"), token("A1_TEST_TOKEN"))
    basic = await devices.create(
        people.admin, DeviceDetails("2"), NewCredentials(MQTT_BASIC, credentials_value='{"userName":"u"}')
    )
    made = await devices.create(people.admin, DeviceDetails("3"))
    credentials = await devices.credentials(people.admin, given.id)
    assert (credentials.type, credentials.credentials_id) == (ACCESS_TOKEN, "A1_TEST_TOKEN")
    assert credentials.device_id == given.id
    credentials = await devices.credentials(people.admin, basic.id)
    assert (credentials.type, credentials.credentials_id, credentials.version) == (MQTT_BASIC, "u", 1)
    assert len((await devices.credentials(people.admin, made.id)).credentials_id) == 20


@pytest.mark.parametrize(
    ("details", "credentials", "message"),
    [
        (DeviceDetails(""), None, "Device name should be specified!"),
        (DeviceDetails("a", profile_id=new_id()), None, "Device is referencing non existing device profile!"),
        (DeviceDetails("a", customer_id=new_id()), None, NO_CUSTOMER),
        (DeviceDetails("a"), token("a\nb"), "credentialsId must not contain control characters!"),
        (DeviceDetails("a", additional_info=b"{"), None, "The additional info is no JSON"),
    ],
)
async def test_bad_devices_are_refused(
    devices: Devices, people: People, details: DeviceDetails, credentials: NewCredentials | None, message: str
) -> None:
    await refused(devices.create(people.admin, details, credentials), INVALID, message)


async def test_the_longest_texts_fit(devices: Devices, people: People) -> None:
    long = "ä" * 255
    made = await devices.create(people.admin, DeviceDetails(long, type=long, label=long), token("t" * 255))
    assert await devices.get(people.admin, made.id) == made


async def test_a_taken_name_or_token_is_refused(devices: Devices, people: People) -> None:
    await devices.create(people.admin, PUMP, token("token"))
    await refused(devices.create(people.admin, PUMP), TAKEN, NAME_TAKEN)
    await refused(devices.create(people.other_admin, PUMP, token("token")), TAKEN, CREDENTIALS_TAKEN)
    await devices.create(people.other_admin, PUMP)


async def test_a_taken_name_is_made_unique_where_that_is_asked(devices: Devices, people: People) -> None:
    counted = NameConflict(separator=" ", count=True)
    names = [(await devices.create(people.admin, PUMP, conflict=counted)).name for _ in range(3)]
    assert names == ["Pump", "Pump 1", "Pump 2"]
    other = await devices.create(people.other_admin, PUMP, conflict=counted)
    assert other.name == "Pump"
    random = (await devices.create(people.admin, PUMP, conflict=NameConflict())).name
    assert re.fullmatch("Pump_[A-Za-z0-9]{6}", random)
    await refused(devices.create(people.admin, PUMP, token(""), counted), INVALID)
    await devices.create(people.admin, DeviceDetails("Valve"), token("mine"))
    await refused(devices.create(people.admin, PUMP, token("mine"), counted), TAKEN, CREDENTIALS_TAKEN)


async def test_a_name_that_cannot_be_made_longer_is_refused(devices: Devices, people: People) -> None:
    long = DeviceDetails("n" * 255)
    await devices.create(people.admin, long, conflict=NameConflict())
    await refused(devices.create(people.admin, long, conflict=NameConflict()), INVALID, "name length must be")


async def test_only_who_may_see_a_device_sees_it(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, replace(PUMP, customer_id=people.customer_id))
    assert (made.customer_title, made.customer_is_public) == ("A", False)
    assert await devices.get(people.customer, made.id) == made
    assert (await devices.credentials(people.customer, made.id)).device_id == made.id
    for stranger in (people.other_admin, people.other_customer):
        await refused(devices.get(stranger, made.id), DEVICE_NOT_FOUND, "Device with id [")
        await refused(devices.credentials(stranger, made.id), DEVICE_NOT_FOUND, "Device with id [")
        await refused(devices.update(stranger, made.id, PUMP), DEVICE_NOT_FOUND, "Device with id [")


async def test_a_customer_of_another_tenant_gets_no_device(devices: Devices, people: People) -> None:
    await refused(
        devices.create(people.other_admin, replace(PUMP, customer_id=people.customer_id)), INVALID, NO_CUSTOMER
    )
    made = await devices.create(people.other_admin, PUMP)
    await refused(
        devices.update(people.other_admin, made.id, replace(PUMP, customer_id=people.customer_id)), INVALID, NO_CUSTOMER
    )
    await refused(devices.assign(people.other_admin, made.id, people.customer_id), NOT_FOUND, "Customer with id [")
    assert await devices.get(people.other_admin, made.id) == made


async def test_only_administrators_do_what_is_theirs(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, replace(PUMP, customer_id=people.customer_id))
    shown = await devices.credentials(people.admin, made.id)
    for principal in (people.customer, people.sys_admin):
        for attempt in (
            devices.create(principal, DeviceDetails("Valve")),
            devices.delete(principal, made.id),
            devices.replace_credentials(principal, made.id, shown.id, token("new")),
            devices.get_by_name(principal, "Pump"),
            devices.assign(principal, made.id, people.other_customer_id),
            devices.make_public(principal, made.id),
            devices.unassign(principal, made.id),
        ):
            await refused(attempt, DENIED)
    for read in (
        devices.get(people.sys_admin, made.id),
        devices.update(people.sys_admin, made.id, PUMP),
        devices.page(people.sys_admin, Page()),
        devices.types(people.sys_admin),
    ):
        await refused(read, DENIED)
    for attempt in (
        devices.delete(people.other_admin, made.id),
        devices.assign(people.other_admin, made.id, people.customer_id),
        devices.make_public(people.other_admin, made.id),
        devices.unassign(people.other_admin, made.id),
        devices.replace_credentials(people.other_admin, made.id, shown.id, token("new")),
    ):
        await refused(attempt, DEVICE_NOT_FOUND, "Device with id [")
    assert await devices.get(people.admin, made.id) == made
    assert await devices.credentials(people.admin, made.id) == shown


@pytest.mark.parametrize("name", ["Pump", "", "a\0b"])
async def test_a_name_nobody_has_is_not_found(devices: Devices, people: People, name: str) -> None:
    await refused(devices.get_by_name(people.admin, name), DEVICE_NOT_FOUND, "Requested item wasn't found!")


async def test_an_update_replaces_everything(devices: Devices, directory: Directory, people: People) -> None:
    made = await devices.create(people.admin, DeviceDetails("Pump", "pump", label="Room 1", additional_info=b"{}"))
    assert (await directory.load(made.id)) is not None
    details = DeviceDetails(
        "Gate", "gate", label="Room 2", additional_info=b'{"gateway":true}', customer_id=people.customer_id
    )
    changed = await devices.update(people.admin, made.id, details, made.version)
    assert changed == replace(
        made,
        name="Gate",
        type="gate",
        profile_id=changed.profile_id,
        label="Room 2",
        additional_info=b'{"gateway":true}',
        customer_id=people.customer_id,
        customer_title="A",
        version=2,
    )
    entry = await directory.load(made.id)
    assert entry is not None
    assert (entry.name, entry.type, entry.customer_id, entry.gateway) == ("Gate", "gate", people.customer_id, True)
    plain = await devices.update(people.admin, made.id, PUMP, changed.version)
    assert (plain.name, plain.type, plain.label, plain.customer_id, plain.additional_info, plain.version) == (
        "Pump",
        "default",
        "",
        NO_ID,
        b"",
        3,
    )


async def test_a_profile_by_id_goes_before_one_by_name(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, DeviceDetails("Pump", "pump"))
    moved = await devices.update(people.admin, made.id, replace(details_of(made), profile_id=NO_ID, type="valve"))
    assert moved.profile_id != made.profile_id
    back = await devices.update(people.admin, made.id, replace(PUMP, profile_id=made.profile_id, type="valve"))
    assert (back.type, back.profile_id) == ("pump", made.profile_id)
    unknown = replace(PUMP, profile_id=new_id())
    await refused(
        devices.update(people.admin, made.id, unknown), INVALID, "Device is referencing non existing device profile!"
    )


async def test_a_stale_version_changes_nothing(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, PUMP)
    changed = await devices.update(people.admin, made.id, replace(PUMP, label="1"), made.version)
    error = await refused(
        devices.update(people.admin, made.id, replace(PUMP, label="2", type="never made"), made.version),
        ErrorReason.ERROR_REASON_VERSION_CONFLICT,
        "Device was already changed by someone else",
    )
    assert error.row.thingsboard_code == 35
    assert await devices.get(people.admin, made.id) == changed
    assert (await devices.update(people.admin, made.id, replace(PUMP, label="3"))).version == 3


async def test_bad_updates_are_refused(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, PUMP)
    await devices.create(people.admin, DeviceDetails("Valve"))
    await refused(devices.update(people.admin, made.id, DeviceDetails("Valve")), TAKEN, NAME_TAKEN)
    await refused(devices.update(people.admin, made.id, DeviceDetails(" ")), INVALID, "name should be specified")
    await refused(devices.update(people.admin, new_id(), PUMP), DEVICE_NOT_FOUND, "Device with id [")
    assert await devices.get(people.admin, made.id) == made


async def test_a_customers_user_changes_a_device_but_not_whose_it_is(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, replace(PUMP, customer_id=people.customer_id))
    changed = await devices.update(people.customer, made.id, replace(details_of(made), label="Room 1"))
    assert (changed.label, changed.version) == ("Room 1", 2)
    for customer_id in (NO_ID, people.other_customer_id):
        await refused(devices.update(people.customer, made.id, replace(PUMP, customer_id=customer_id)), DENIED)
    assert await devices.get(people.admin, made.id) == changed


async def test_a_device_is_given_away_and_taken_back(devices: Devices, directory: Directory, people: People) -> None:
    made = await devices.create(people.admin, PUMP)
    await directory.load(made.id)
    told: list[bytes] = []
    devices.on_reassigned(told.append)
    first = await devices.assign(people.admin, made.id, people.customer_id)
    assert (first.customer_id, first.customer_title, first.version) == (people.customer_id, "A", 2)
    entry = await directory.load(made.id)
    assert entry is not None
    assert entry.customer_id == people.customer_id
    second = await devices.assign(people.admin, made.id, people.other_customer_id)
    assert (second.customer_id, second.customer_title, second.version) == (people.other_customer_id, "B", 3)
    again = await devices.assign(people.admin, made.id, people.other_customer_id)
    assert again == replace(second, version=4)
    taken = await devices.unassign(people.admin, made.id)
    assert (taken.customer_id, taken.customer_title, taken.version) == (NO_ID, "", 5)
    assert told == [made.id] * 3  # nobody need hear that it stays where it is
    await refused(devices.unassign(people.admin, made.id), INVALID, "Device isn't assigned to any customer!")
    await refused(devices.assign(people.admin, made.id, new_id()), NOT_FOUND, "Customer with id [")
    for attempt in (
        devices.assign(people.admin, new_id(), people.customer_id),
        devices.unassign(people.admin, new_id()),
    ):
        await refused(attempt, DEVICE_NOT_FOUND, "Device with id [")


async def test_an_update_of_the_customer_is_told(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, PUMP)
    told: list[bytes] = []
    devices.on_reassigned(told.append)
    await devices.update(people.admin, made.id, replace(PUMP, label="1"))
    assert told == []
    await devices.update(people.admin, made.id, replace(PUMP, customer_id=people.customer_id))
    assert told == [made.id]


async def test_a_public_device_is_the_public_customers(devices: Devices, store: Store, people: People) -> None:
    pump, valve = [await devices.create(people.admin, DeviceDetails(name)) for name in ("Pump", "Valve")]
    pump, valve = [await devices.make_public(people.admin, device.id) for device in (pump, valve)]
    assert pump.customer_id == valve.customer_id
    assert (pump.customer_title, pump.customer_is_public) == ("Public", True)
    customer = await store.customers.find(pump.customer_id)
    assert customer is not None
    assert (customer.tenant_id, customer.is_public) == (people.tenant_id, True)
    theirs = await devices.create(people.other_admin, PUMP)
    theirs = await devices.make_public(people.other_admin, theirs.id)
    assert theirs.customer_id != pump.customer_id


async def test_lists_hold_what_their_reader_may_see(devices: Devices, people: People) -> None:
    async def names(principal: Principal, only: DeviceFilter | None = None) -> list[str]:
        page = Page(sort_by="name")
        read = await (devices.page(principal, page, only) if only else devices.page(principal, page))
        assert read.total == len(read.items)
        return [device.name for device in read.items]

    await devices.create(people.admin, DeviceDetails("1", "pump", customer_id=people.customer_id))
    await devices.create(people.admin, DeviceDetails("2", "valve", customer_id=people.other_customer_id))
    await devices.create(people.admin, DeviceDetails("3", "pump"))
    await devices.create(people.other_admin, DeviceDetails("4", "gate"))
    assert await names(people.admin) == ["1", "2", "3"]
    assert await names(people.other_admin) == ["4"]
    assert await names(people.customer) == ["1"]
    assert await names(people.admin, DeviceFilter(customer_id=people.customer_id)) == ["1"]
    assert await names(people.customer, DeviceFilter(customer_id=people.customer_id)) == ["1"]
    assert await names(people.admin, DeviceFilter(type="pump")) == ["1", "3"]
    assert await names(people.customer, DeviceFilter(type="valve")) == []
    for principal, customer_id in (
        (people.customer, people.other_customer_id),
        (people.other_admin, people.customer_id),
        (people.admin, new_id()),
    ):
        await refused(
            devices.page(principal, Page(), DeviceFilter(customer_id=customer_id)), NOT_FOUND, "Customer with id ["
        )
    assert await devices.types(people.admin) == ["pump", "valve"]
    assert await devices.types(people.customer) == ["pump"]
    assert await devices.types(people.other_admin) == ["gate"]


async def test_ids_that_one_may_not_see_are_left_out(devices: Devices, people: People) -> None:
    mine = await devices.create(people.admin, replace(PUMP, customer_id=people.customer_id))
    tenants = await devices.create(people.admin, DeviceDetails("Valve"))
    theirs = await devices.create(people.other_admin, PUMP)
    only = DeviceFilter(ids=frozenset((mine.id, tenants.id, theirs.id, new_id())))
    assert {device.id for device in (await devices.page(people.admin, Page(), only)).items} == {mine.id, tenants.id}
    assert [device.id for device in (await devices.page(people.customer, Page(), only)).items] == [mine.id]


async def test_presence_is_settled_before_it_is_read(
    store: Store, directory: Directory, people: People, wall: WallClock
) -> None:
    pending: list[PresenceChange] = []

    async def settle() -> None:
        await store.presence.write(pending)

    devices = Devices(store.devices, directory, lambda: wall.now_ms, settle)
    made = await devices.create(people.admin, PUMP)
    pending.append(PresenceChange(made.id, True, 1, 0, 1))
    assert (await devices.get(people.admin, made.id)).presence.last_connect_unix_ms == 1
    pending[0] = replace(pending[0], last_connect_unix_ms=2)
    assert (await devices.get_by_name(people.admin, "Pump")).presence.last_connect_unix_ms == 2
    pending[0] = replace(pending[0], last_connect_unix_ms=3)
    (listed,) = (await devices.page(people.admin, Page())).items
    assert listed.presence.last_connect_unix_ms == 3


async def test_a_deleted_device_is_gone_everywhere(devices: Devices, directory: Directory, people: People) -> None:
    made = await devices.create(people.admin, PUMP)
    await directory.load(made.id)
    deleted: list[bytes] = []
    devices.on_deleted(deleted.append)
    await devices.delete(people.admin, made.id)
    assert deleted == [made.id]
    assert directory.cached(made.id) is None
    assert await directory.load(made.id) is None
    await refused(devices.delete(people.admin, made.id), DEVICE_NOT_FOUND, "Device with id [")
    assert deleted == [made.id]


async def test_replaced_credentials_open_no_session(devices: Devices, directory: Directory, people: People) -> None:
    made = await devices.create(people.admin, PUMP, token("old"))
    await directory.load(made.id)
    changed: list[bytes] = []
    devices.on_credentials_changed(changed.append)
    shown = await devices.credentials(people.admin, made.id)
    basic = NewCredentials(MQTT_BASIC, credentials_value='{"userName":"user","password":"secret"}')
    after = await devices.replace_credentials(people.admin, made.id, shown.id, basic, shown.version)
    assert (after.id, after.credentials_id, after.version) == (shown.id, "user", 2)
    assert after == await devices.credentials(people.admin, made.id)
    assert changed == [made.id]
    kind = SessionKind.SESSION_KIND_ASYNCHRONOUS
    old, new = await directory.authenticate(
        [
            Connect(1, kind, 1, access_token="old"),
            Connect(2, kind, 1, mqtt_basic=MqttBasic("any", "user", "secret")),
        ]
    )
    assert isinstance(old, Refused)
    assert not isinstance(new, Refused)
    assert new.credentials_version == 2
    assert (await devices.replace_credentials(people.admin, made.id, shown.id, basic)).version == 3
    assert changed == [made.id] * 2


async def test_credentials_that_cannot_be_replace_nothing(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, PUMP, token("mine"))
    other = await devices.create(people.admin, DeviceDetails("Valve"), token("taken"))
    shown = await devices.credentials(people.admin, made.id)
    others = await devices.credentials(people.admin, other.id)
    changed: list[bytes] = []
    devices.on_credentials_changed(changed.append)

    def attempt(
        new: NewCredentials, device_id: bytes = made.id, id_: bytes = shown.id, version: int = 0
    ) -> Coroutine[Any, Any, object]:
        return devices.replace_credentials(people.admin, device_id, id_, new, version)

    await refused(attempt(token("taken")), TAKEN, CREDENTIALS_TAKEN)
    await refused(attempt(token("")), INVALID, "Device credentials id should be specified!")
    await refused(attempt(token("new"), id_=NO_ID), INVALID, "Credentials for this device are already specified!")
    unknown = "Unable to update non-existent device credentials!"
    await refused(attempt(token("new"), id_=new_id()), INVALID, unknown)
    await refused(attempt(token("new"), id_=others.id), INVALID, unknown)
    await refused(attempt(token("new"), device_id=new_id()), DEVICE_NOT_FOUND, "Device with id [")
    stale = ErrorReason.ERROR_REASON_VERSION_CONFLICT
    await refused(attempt(token("new"), version=2), stale, "Entity was already changed by someone else")
    assert await devices.credentials(people.admin, made.id) == shown
    assert changed == []


async def test_a_change_is_told_though_its_caller_has_left(devices: Devices, people: People, store: Store) -> None:
    told: list[bytes] = []
    both = asyncio.Event()

    def hear(device_id: bytes) -> None:
        told.append(device_id)
        if len(told) == 2:
            both.set()

    devices.on_deleted(hear)
    devices.on_credentials_changed(hear)
    gone, shown = await devices.create(people.admin, PUMP), await devices.create(people.admin, DeviceDetails("Lamp"))
    before = await devices.credentials(people.admin, shown.id)
    for change in (
        devices.delete(people.admin, gone.id),
        devices.replace_credentials(people.admin, shown.id, before.id, token("other")),
    ):
        caller = asyncio.create_task(change)
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    async with asyncio.timeout(10):
        await both.wait()
    assert sorted(told) == sorted((gone.id, shown.id))


async def test_of_two_who_delete_a_device_one_did(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, PUMP)
    attempts = (devices.delete(people.admin, made.id) for _ in range(5))
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert [outcome for outcome in outcomes if not isinstance(outcome, TrunklineError)] == [None]


async def test_a_device_and_its_credentials_change_together_or_not_at_all(
    devices: Devices, people: People, store: Store
) -> None:
    told: list[bytes] = []
    devices.on_credentials_changed(told.append)
    other = await devices.create(people.admin, DeviceDetails("Lamp"), token("taken"))
    made = await devices.create(people.admin, replace(PUMP, customer_id=people.customer_id), token("first"))
    renamed = replace(details_of(made), name="Pumps")
    for details, version, credentials, reason, message in (
        (renamed, 0, token("taken"), TAKEN, CREDENTIALS_TAKEN),
        (renamed, 9, token("second"), ErrorReason.ERROR_REASON_VERSION_CONFLICT, ""),
        (replace(renamed, name=other.name), 0, token("second"), TAKEN, NAME_TAKEN),
        (renamed, 0, token(" "), INVALID, "Device credentials id should be specified!"),
    ):
        await refused(devices.update(people.admin, made.id, details, version, credentials), reason, message)
    await refused(devices.update(people.customer, made.id, renamed, 0, token("second")), DENIED)
    assert await devices.get(people.admin, made.id) == made
    assert (await devices.credentials(people.admin, made.id)).credentials_id == "first"
    assert told == []
    after = await devices.update(people.admin, made.id, renamed, made.version, token("second"))
    shown = await devices.credentials(people.admin, made.id)
    assert (after.name, after.version, shown.credentials_id, shown.version) == ("Pumps", 2, "second", 2)
    assert told == [made.id]
