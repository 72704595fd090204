"""Devices as messages, and what requests say of them."""

from dataclasses import replace

import pytest
from doubles.device_rows import device

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.devices.credentials import ACCESS_TOKEN, MQTT_BASIC, NewCredentials
from trunkline.core.devices.model import EVERY_DEVICE, DeviceDetails, DeviceFilter, access_token_credentials
from trunkline.core.devices.names import NameConflict
from trunkline.core.presence.model import NEVER, Presence
from trunkline.core.rpc.device_messages import (
    conflict_of,
    credentials_message,
    details_of,
    device_message,
    filter_of,
    first_credentials_of,
    new_credentials_of,
    presence_message,
)
from trunkline.core.rpc.paging import LARGEST_SIZE
from trunkline.v1.device_pb2 import DeviceCredentials
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.device_service_pb2 import CreateDeviceRequest, ListDevicesRequest
from trunkline.v1.device_service_pb2 import NameConflict as NameConflictMessage
from trunkline.v1.error_pb2 import ErrorReason


def test_a_device_is_shown_whole() -> None:
    pump = replace(
        device(new_id(), "Pump", customer_id=new_id(), type_name="pump", info=b"{}"),
        profile_id=new_id(),
        label="Room 1",
        version=3,
        customer_title="A",
        customer_is_public=True,
        presence=Presence(True, True, 1, 0, 2),
        transport_type=TransportType.TRANSPORT_TYPE_MQTT,
    )
    message = device_message(pump)
    assert message.id == to_text(pump.id)
    assert message.tenant_id == to_text(pump.tenant_id)
    assert message.customer_id == to_text(pump.customer_id)
    assert message.device_profile_id == to_text(pump.profile_id)
    assert (message.name, message.type, message.label, message.version) == ("Pump", "pump", "Room 1", 3)
    assert (message.customer_title, message.customer_is_public, message.additional_info) == ("A", True, b"{}")
    assert message.create_time.ToMilliseconds() == pump.create_unix_ms
    assert message.presence == presence_message(pump.presence)
    assert message.transport_type == TransportType.TRANSPORT_TYPE_MQTT
    assert details_of(message) == DeviceDetails("Pump", "pump", pump.profile_id, "Room 1", pump.customer_id, b"{}")


def test_absent_ids_are_empty() -> None:
    assert device_message(device(new_id(), "Pump")).customer_id == ""


def test_times_that_never_were_are_absent() -> None:
    never = presence_message(NEVER)
    assert not never.connected
    assert not never.active
    assert not never.ListFields()
    there = presence_message(Presence(True, False, 1_720_000_000_123, 0, 1_720_000_000_456))
    assert there.connected
    assert not there.active
    assert there.last_connect_time.ToMilliseconds() == 1_720_000_000_123
    assert there.last_activity_time.ToMilliseconds() == 1_720_000_000_456
    assert not there.HasField("last_disconnect_time")
    gone = presence_message(Presence(False, True, 1, 7, 9))
    assert gone.last_disconnect_time.ToMilliseconds() == 7


def test_credentials_name_their_device() -> None:
    pump = device(new_id(), "Pump")
    message = credentials_message(access_token_credentials(pump, "token"))
    assert message.device_id == to_text(pump.id)
    assert message.credentials_id == "token"
    assert message.create_time.ToMilliseconds() == pump.create_unix_ms
    assert new_credentials_of(message) == NewCredentials(ACCESS_TOKEN, "token")


@pytest.mark.parametrize(
    ("request_", "credentials"),
    [
        (CreateDeviceRequest(), None),
        (CreateDeviceRequest(access_token="T"), NewCredentials(ACCESS_TOKEN, "T")),
        (
            CreateDeviceRequest(credentials=DeviceCredentials(type=MQTT_BASIC, credentials_value="{}")),
            NewCredentials(MQTT_BASIC, "", "{}"),
        ),
        (
            CreateDeviceRequest(access_token="T", credentials=DeviceCredentials(type=ACCESS_TOKEN)),
            NewCredentials(ACCESS_TOKEN),
        ),
    ],
)
def test_a_new_device_shows_what_is_said(request_: CreateDeviceRequest, credentials: NewCredentials | None) -> None:
    assert first_credentials_of(request_) == credentials


@pytest.mark.parametrize(
    ("asked", "conflict"),
    [
        (NameConflictMessage(), None),
        (NameConflictMessage(separator="-", count=True), None),
        (NameConflictMessage(make_unique=True), NameConflict("_", count=False)),
        (NameConflictMessage(make_unique=True, separator="-", count=True), NameConflict("-", count=True)),
    ],
)
def test_a_name_conflict_is_an_error_unless_asked(asked: NameConflictMessage, conflict: NameConflict | None) -> None:
    assert conflict_of(CreateDeviceRequest(name_conflict=asked)) == conflict


def test_a_filter_asks_what_is_said() -> None:
    customer_id, profile_id, one, other = (new_id() for _ in range(4))
    assert filter_of(ListDevicesRequest()) == EVERY_DEVICE
    request = ListDevicesRequest(
        customer_id=to_text(customer_id),
        type="pump",
        device_profile_id=to_text(profile_id),
        active=False,
        ids=[to_text(one), to_text(other), to_text(one)],
    )
    assert filter_of(request) == DeviceFilter(customer_id, "pump", profile_id, False, frozenset((one, other)))


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ListDevicesRequest(customer_id="x"), "customer_id"),
        (ListDevicesRequest(device_profile_id="x"), "device_profile_id"),
        (ListDevicesRequest(ids=[""]), "ids"),
        (ListDevicesRequest(ids=["x"]), "ids"),
        (ListDevicesRequest(ids=["1-2-3-4-5"] * (LARGEST_SIZE + 1)), "ids"),
    ],
)
def test_bad_filters_name_their_field(request_: ListDevicesRequest, field: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        filter_of(request_)
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert caught.value.metadata == {"field": field}
