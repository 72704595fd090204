"""Devices created, read, deleted and given other credentials."""

import pytest
from doubles.people import People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import Connect, Refused
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.service import Devices, NewDevice
from trunkline.core.store.store import Store
from trunkline.v1.device_pb2 import CredentialsType
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import SessionKind


@pytest.fixture
def directory(store: Store) -> Directory:
    return Directory(store.devices)


@pytest.fixture
def devices(store: Store, directory: Directory, wall: WallClock) -> Devices:
    return Devices(store.devices, directory, wall)


async def test_a_new_device_is_the_tenants(devices: Devices, people: People, wall: WallClock) -> None:
    made = await devices.create(people.admin, NewDevice("Pump", label="Room 1", additional_info=b' { "a" : 1 } '))
    assert (made.name, made.label, made.type, made.version) == ("Pump", "Room 1", "default", 1)
    assert made.tenant_id == people.tenant_id
    assert made.customer_id == b""
    assert made.create_unix_ms == wall.now_ms
    assert made.additional_info == b'{"a":1}'
    assert await devices.get(people.admin, made.id) == made
    assert await devices.get_by_name(people.admin, "Pump") == made


async def test_a_token_is_made_unless_given(devices: Devices, people: People) -> None:
    given = await devices.create(people.admin, NewDevice("1", access_token="A1_TEST_TOKEN"))
    made = await devices.create(people.admin, NewDevice("2"))
    credentials = await devices.credentials(people.admin, given.id)
    assert credentials.credentials_id == "A1_TEST_TOKEN"
    assert credentials.device_id == given.id
    assert credentials.type == CredentialsType.CREDENTIALS_TYPE_ACCESS_TOKEN
    token = (await devices.credentials(people.admin, made.id)).credentials_id
    assert len(token) == 20
    assert token.isascii()
    assert token.isalnum()


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (NewDevice(""), "Device name should be specified!"),
        (NewDevice(" \t"), "Device name should be specified!"),
        (NewDevice("a\0b"), "Device name should not contain 0x00 symbol!"),
        (NewDevice("a" * 256), "Validation error: name length must be equal or less than 255"),
        (NewDevice("a", type="t" * 256), "Validation error: type length must be equal or less than 255"),
        (NewDevice("a", label="l" * 256), "Validation error: label length must be equal or less than 255"),
        (NewDevice("a", profile_id=new_id()), "Device is referencing non existing device profile!"),
        (NewDevice("a", access_token="a\nb"), "credentialsId must not contain control characters!"),
        (NewDevice("a", access_token=" "), "Device credentials id should be specified!"),
        (
            NewDevice("a", access_token="t" * 256),
            "Validation error: credentialsId length must be equal or less than 255",
        ),
        (NewDevice("a", additional_info=b"{"), "The device's additional info is no JSON"),
    ],
)
async def test_bad_devices_are_refused(devices: Devices, people: People, new: NewDevice, message: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        await devices.create(people.admin, new)
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert caught.value.message == message


async def test_the_longest_texts_fit(devices: Devices, people: People) -> None:
    long = "ä" * 255
    made = await devices.create(people.admin, NewDevice(long, type=long, label=long, access_token="t" * 255))
    assert await devices.get(people.admin, made.id) == made


async def test_no_additional_info_is_null(devices: Devices, people: People) -> None:
    assert (await devices.create(people.admin, NewDevice("a", additional_info=b"null"))).additional_info == b""


async def test_a_taken_name_or_token_is_refused(devices: Devices, people: People) -> None:
    await devices.create(people.admin, NewDevice("Pump", access_token="token"))
    with pytest.raises(TrunklineError, match="Device with such name already exists!"):
        await devices.create(people.admin, NewDevice("Pump"))
    with pytest.raises(TrunklineError, match="Device credentials are already assigned to another device!"):
        await devices.create(people.other_admin, NewDevice("Pump", access_token="token"))
    await devices.create(people.other_admin, NewDevice("Pump"))


async def test_only_who_may_see_a_device_sees_it(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, NewDevice("Pump", customer_id=people.customer_id))
    assert await devices.get(people.customer, made.id) == made
    assert (await devices.credentials(people.customer, made.id)).device_id == made.id
    for stranger in (people.other_admin, people.other_customer):
        with pytest.raises(TrunklineError, match=r"Device with id \[.*\] is not found"):
            await devices.get(stranger, made.id)
        with pytest.raises(TrunklineError, match=r"Device with id \[.*\] is not found"):
            await devices.credentials(stranger, made.id)


async def test_a_customer_of_another_tenant_gets_no_device(devices: Devices, people: People) -> None:
    with pytest.raises(TrunklineError, match=r"Customer with id \[.*\] is not found"):
        await devices.create(people.other_admin, NewDevice("Pump", customer_id=people.customer_id))


async def test_only_administrators_change_anything(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, NewDevice("Pump", customer_id=people.customer_id))
    for principal in (people.customer, people.sys_admin):
        for attempt in (
            devices.create(principal, NewDevice("Valve")),
            devices.delete(principal, made.id),
            devices.replace_token(principal, made.id, "new"),
            devices.get_by_name(principal, "Pump"),
        ):
            with pytest.raises(TrunklineError) as caught:
                await attempt
            assert caught.value.reason == ErrorReason.ERROR_REASON_PERMISSION_DENIED
    with pytest.raises(TrunklineError, match=r"Device with id \[.*\] is not found"):
        await devices.delete(people.other_admin, made.id)
    assert await devices.get(people.admin, made.id) == made


async def test_a_name_nobody_has_is_not_found(devices: Devices, people: People) -> None:
    with pytest.raises(TrunklineError, match="Requested item wasn't found!") as caught:
        await devices.get_by_name(people.admin, "Pump")
    assert caught.value.reason == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND


async def test_a_deleted_device_is_gone_everywhere(devices: Devices, directory: Directory, people: People) -> None:
    made = await devices.create(people.admin, NewDevice("Pump"))
    await directory.load(made.id)
    deleted: list[bytes] = []
    devices.on_deleted(deleted.append)
    await devices.delete(people.admin, made.id)
    assert deleted == [made.id]
    assert directory.cached(made.id) is None
    assert await directory.load(made.id) is None
    with pytest.raises(TrunklineError, match=r"Device with id \[.*\] is not found"):
        await devices.delete(people.admin, made.id)
    assert deleted == [made.id]


async def test_a_replaced_token_no_longer_opens_a_session(
    devices: Devices, directory: Directory, people: People
) -> None:
    made = await devices.create(people.admin, NewDevice("Pump", access_token="old"))
    await directory.load(made.id)
    changed: list[bytes] = []
    devices.on_credentials_changed(changed.append)
    credentials = await devices.replace_token(people.admin, made.id, "new")
    assert (credentials.credentials_id, credentials.version) == ("new", 2)
    assert changed == [made.id]
    old, new = await directory.authenticate(
        [
            Connect(number, SessionKind.SESSION_KIND_ASYNCHRONOUS, 1, access_token=token)
            for number, token in enumerate(("old", "new"))
        ]
    )
    assert isinstance(old, Refused)
    assert not isinstance(new, Refused)
    assert new.credentials_version == 2


async def test_a_taken_token_replaces_nothing(devices: Devices, people: People) -> None:
    made = await devices.create(people.admin, NewDevice("Pump", access_token="mine"))
    await devices.create(people.admin, NewDevice("Valve", access_token="taken"))
    changed: list[bytes] = []
    devices.on_credentials_changed(changed.append)
    with pytest.raises(TrunklineError, match="Device credentials are already assigned to another device!"):
        await devices.replace_token(people.admin, made.id, "taken")
    assert (await devices.credentials(people.admin, made.id)).credentials_id == "mine"
    assert changed == []
