"""The methods about devices, called as their clients call them."""

import grpc.aio
import pytest
from doubles.bearer import Metadata
from doubles.device_rows import device, stored
from doubles.people import People
from google.protobuf.message import Message
from sqlalchemy import insert

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.contract.status import error_of
from trunkline.core.devices.model import Device as CoreDevice
from trunkline.core.identity.model import User
from trunkline.core.store.store import Store
from trunkline.core.store.tables import devices as devices_table
from trunkline.v1.device_pb2 import CredentialsType, Device, DeviceCredentials
from trunkline.v1.device_service_pb2 import (
    AssignDeviceRequest,
    CreateDeviceRequest,
    DeleteDeviceRequest,
    GetDeviceCredentialsRequest,
    GetDeviceRequest,
    ListDevicesRequest,
    ListDeviceTypesRequest,
    NameConflict,
    UnassignDeviceRequest,
    UpdateDeviceCredentialsRequest,
    UpdateDeviceRequest,
)
from trunkline.v1.device_service_pb2_grpc import DeviceServiceStub
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.page_pb2 import PageRequest

SOME_ID = "784f394c-42b6-435a-983c-b7beff2784f9"


async def get_error(devices: DeviceServiceStub, request: GetDeviceRequest, metadata: Metadata) -> TrunklineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await devices.GetDevice(request, metadata=metadata)
    return error_of(caught.value)


async def test_from_creation_to_deletion(devices: DeviceServiceStub, as_ann: Metadata, ann: User) -> None:
    request = CreateDeviceRequest(name="Pump", type="pump", label="Room 1", access_token="T", additional_info=b"{}")
    made = (await devices.CreateDevice(request, metadata=as_ann)).device
    assert (made.name, made.type, made.label, made.version) == ("Pump", "pump", "Room 1", 1)
    assert made.tenant_id == to_text(ann.tenant_id)
    assert made.customer_id == ""
    assert (await devices.GetDevice(GetDeviceRequest(id=made.id), metadata=as_ann)).device == made
    assert (await devices.GetDevice(GetDeviceRequest(name="Pump"), metadata=as_ann)).device == made
    credentials = (
        await devices.GetDeviceCredentials(GetDeviceCredentialsRequest(device_id=made.id), metadata=as_ann)
    ).credentials
    assert credentials.type == CredentialsType.CREDENTIALS_TYPE_ACCESS_TOKEN
    assert (credentials.credentials_id, credentials.device_id) == ("T", made.id)
    await devices.DeleteDevice(DeleteDeviceRequest(id=made.id), metadata=as_ann)
    error = await get_error(devices, GetDeviceRequest(id=made.id), as_ann)
    assert (error.reason, error.message) == (
        ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND,
        f"Device with id [{made.id}] is not found",
    )


async def test_a_profile_and_a_customer_are_taken_by_id(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    first = (await devices.CreateDevice(CreateDeviceRequest(name="1", type="pump"), metadata=as_ann)).device
    request = CreateDeviceRequest(name="2", device_profile_id=first.device_profile_id)
    assert (await devices.CreateDevice(request, metadata=as_ann)).device.type == "pump"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await devices.CreateDevice(CreateDeviceRequest(name="3", customer_id=to_text(new_id())), metadata=as_ann)
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT


async def test_without_a_token_there_is_nothing(devices: DeviceServiceStub) -> None:
    error = await get_error(devices, GetDeviceRequest(name="Pump"), ())
    assert error.reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED


@pytest.mark.parametrize(
    ("request_", "field"),
    [(GetDeviceRequest(), "by"), (GetDeviceRequest(id="abc"), "id"), (GetDeviceRequest(id=""), "id")],
)
async def test_malformed_requests_name_the_field(
    devices: DeviceServiceStub, as_ann: Metadata, request_: GetDeviceRequest, field: str
) -> None:
    error = await get_error(devices, request_, as_ann)
    assert error.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert error.metadata["field"] == field


async def test_a_name_can_be_made_unique(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    request = CreateDeviceRequest(name="Pump", name_conflict=NameConflict(make_unique=True, count=True))
    names = [(await devices.CreateDevice(request, metadata=as_ann)).device.name for _ in range(2)]
    assert names == ["Pump", "Pump_1"]


async def test_a_new_device_may_show_something_else(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    basic = DeviceCredentials(
        type=CredentialsType.CREDENTIALS_TYPE_MQTT_BASIC, credentials_value='{"clientId":"a","userName":"b"}'
    )
    request = CreateDeviceRequest(name="Pump", access_token="ignored", credentials=basic)
    made = (await devices.CreateDevice(request, metadata=as_ann)).device
    asked = GetDeviceCredentialsRequest(device_id=made.id)
    shown = (await devices.GetDeviceCredentials(asked, metadata=as_ann)).credentials
    assert shown.type == CredentialsType.CREDENTIALS_TYPE_MQTT_BASIC
    assert len(shown.credentials_id) == 64


async def test_a_device_is_changed_if_it_is_what_was_read(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    made = (await devices.CreateDevice(CreateDeviceRequest(name="Pump"), metadata=as_ann)).device
    wanted = Device(id=made.id, name="Valve", type="valve", label="Room 1", additional_info=b"[]")
    request = UpdateDeviceRequest(device=wanted, version=made.version)
    changed = (await devices.UpdateDevice(request, metadata=as_ann)).device
    assert (changed.name, changed.type, changed.label, changed.additional_info, changed.version) == (
        "Valve",
        "valve",
        "Room 1",
        b"[]",
        2,
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await devices.UpdateDevice(request, metadata=as_ann)
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT


async def test_a_device_is_given_away_and_taken_back(
    devices: DeviceServiceStub, as_ann: Metadata, people: People
) -> None:
    made = (await devices.CreateDevice(CreateDeviceRequest(name="Pump"), metadata=as_ann)).device
    customer_id = to_text(people.customer_id)
    given = AssignDeviceRequest(device_id=made.id, customer_id=customer_id)
    held = (await devices.AssignDevice(given, metadata=as_ann)).device
    assert (held.customer_id, held.customer_title, held.customer_is_public) == (customer_id, "A", False)
    everybodys = (
        await devices.AssignDevice(AssignDeviceRequest(device_id=made.id, public=True), metadata=as_ann)
    ).device
    assert (everybodys.customer_title, everybodys.customer_is_public) == ("Public", True)
    nobodys = (await devices.UnassignDevice(UnassignDeviceRequest(device_id=made.id), metadata=as_ann)).device
    assert (nobodys.customer_id, nobodys.version) == ("", 4)


async def test_credentials_are_replaced_if_they_are_what_was_read(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    made = (await devices.CreateDevice(CreateDeviceRequest(name="Pump"), metadata=as_ann)).device
    asked = GetDeviceCredentialsRequest(device_id=made.id)
    shown = (await devices.GetDeviceCredentials(asked, metadata=as_ann)).credentials
    wanted = DeviceCredentials(id=shown.id, device_id=made.id, type=shown.type, credentials_id="NEW")
    request = UpdateDeviceCredentialsRequest(credentials=wanted, version=shown.version)
    after = (await devices.UpdateDeviceCredentials(request, metadata=as_ann)).credentials
    assert (after.id, after.credentials_id, after.version) == (shown.id, "NEW", 2)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await devices.UpdateDeviceCredentials(request, metadata=as_ann)
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT


async def test_devices_are_listed_page_by_page(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    for name, type_name in (("c", "valve"), ("a", "pump"), ("b", "pump")):
        await devices.CreateDevice(CreateDeviceRequest(name=name, type=type_name), metadata=as_ann)
    request = ListDevicesRequest(page=PageRequest(size=2, number=1, sort_by="name"))
    read = await devices.ListDevices(request, metadata=as_ann)
    assert ([device.name for device in read.devices], read.total) == (["c"], 3)
    read = await devices.ListDevices(ListDevicesRequest(type="pump", active=False), metadata=as_ann)
    assert ({device.name for device in read.devices}, read.total) == ({"a", "b"}, 2)
    types = (await devices.ListDeviceTypes(ListDeviceTypesRequest(), metadata=as_ann)).types
    assert list(types) == ["pump", "valve"]


async def test_ten_thousand_devices_with_the_longest_names_fit_in_a_page(
    devices: DeviceServiceStub, as_ann: Metadata, store: Store, people: People
) -> None:
    profile = await stored(store.devices, device(people.tenant_id, "The first"))
    await store_many(store, profile, 9_999, name="\N{LATIN SMALL LETTER A WITH DIAERESIS}" * 250, info=b"{}")
    request = ListDevicesRequest(page=PageRequest(size=10_000))
    read = await devices.ListDevices(request, metadata=as_ann)
    assert len({found.id for found in read.devices}) == read.total == 10_000
    assert read.ByteSize() > 6_000_000  # a message of a call has 2 MiB


async def test_a_page_larger_than_a_message_is_refused_with_a_reason(
    devices: DeviceServiceStub, as_ann: Metadata, store: Store, people: People
) -> None:
    profile = await stored(store.devices, device(people.tenant_id, "The first"))
    await store_many(store, profile, 600, name="Pump", info=b'"%s"' % (b"x" * 60_000))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await devices.ListDevices(ListDevicesRequest(page=PageRequest(size=1_000)), metadata=as_ann)
    error = error_of(caught.value)
    assert error.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert "ask for fewer items" in error.message
    read = await devices.ListDevices(ListDevicesRequest(page=PageRequest(size=500)), metadata=as_ann)
    assert (len(read.devices), read.total) == (500, 601)


async def store_many(store: Store, like: CoreDevice, count: int, *, name: str, info: bytes) -> None:
    """Put devices like this one into the store, all at once."""
    rows = [
        {
            "id": new_id(),
            "tenant_id": like.tenant_id,
            "customer_id": None,
            "profile_id": like.profile_id,
            "name": f"{name}{number:05}",
            "label": "",
            "create_unix_ms": like.create_unix_ms,
            "version": 1,
            "additional_info": info,
        }
        for number in range(count)
    ]
    await store._database.run(lambda connection: connection.execute(insert(devices_table), rows))


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("UpdateDevice", UpdateDeviceRequest(device=Device(name="Pump")), "device.id"),
        ("UpdateDevice", UpdateDeviceRequest(device=Device(id=SOME_ID)), "name"),
        ("UpdateDevice", UpdateDeviceRequest(device=Device(id=SOME_ID, name="n", customer_id="x")), "customer_id"),
        ("DeleteDevice", DeleteDeviceRequest(id="x"), "id"),
        ("AssignDevice", AssignDeviceRequest(customer_id=SOME_ID), "device_id"),
        ("AssignDevice", AssignDeviceRequest(device_id=SOME_ID), "to"),
        ("AssignDevice", AssignDeviceRequest(device_id=SOME_ID, public=False), "to"),
        ("AssignDevice", AssignDeviceRequest(device_id=SOME_ID, customer_id="x"), "customer_id"),
        ("UnassignDevice", UnassignDeviceRequest(), "device_id"),
        ("GetDeviceCredentials", GetDeviceCredentialsRequest(device_id="x"), "device_id"),
        ("UpdateDeviceCredentials", UpdateDeviceCredentialsRequest(), "credentials.device_id"),
        ("ListDevices", ListDevicesRequest(page=PageRequest(size=10_001)), "size"),
        ("ListDevices", ListDevicesRequest(page=PageRequest(sort_by="password")), "sort_by"),
        ("ListDevices", ListDevicesRequest(ids=["x"]), "ids"),
    ],
)
async def test_bad_requests_name_the_field(
    devices: DeviceServiceStub, as_ann: Metadata, method: str, request_: Message, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(devices, method)(request_, metadata=as_ann)
    error = error_of(caught.value)
    assert error.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert error.metadata["field"] == field
    with pytest.raises(grpc.aio.AioRpcError) as caught:  # and nobody hears of it who shows no token
        await getattr(devices, method)(request_)
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
