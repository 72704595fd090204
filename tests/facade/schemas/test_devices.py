"""Devices' shapes, field by field: clients refuse an entity whose ids or types are incomplete."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.base import Body, EntityId
from trunkline.facade.schemas.device_credentials import DeviceCredentialsBody
from trunkline.facade.schemas.devices import Device, DeviceBody, DeviceInfo, DeviceType, DeviceWithCredentialsBody
from trunkline.v1 import device_pb2 as devices_pb
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.device_service_pb2 import CreateDeviceRequest, NameConflict, UpdateDeviceRequest

NONE = "13814000-1dd2-11b2-8080-808080808080"
DEVICE = "784f394c-42b6-435a-983c-b7beff2784f9"
PROFILE = "00000000-0000-0000-0000-00000000000f"
TIME = Timestamp(seconds=1_720_000_000, nanos=123_000_000)

SHOWN = {
    "id": {"entityType": "DEVICE", "id": "d"},
    "createdTime": 1_720_000_000_123,
    "tenantId": {"entityType": "TENANT", "id": "t"},
    "customerId": {"entityType": "CUSTOMER", "id": NONE},
    "name": "A4B72CCDFF33",
    "type": "default",
    "label": "Room 234",
    "deviceProfileId": {"entityType": "DEVICE_PROFILE", "id": "p"},
    "firmwareId": None,
    "softwareId": None,
    "externalId": None,
    "version": 1,
    "additionalInfo": None,
    "deviceData": {"configuration": {"type": "DEFAULT"}, "transportConfiguration": {"type": "DEFAULT"}},
}


def as_json(body: Body) -> Any:
    return body.model_dump(mode="json", by_alias=True)


def device(**fields: Any) -> devices_pb.Device:
    return devices_pb.Device(
        id="d",
        tenant_id="t",
        name="A4B72CCDFF33",
        type="default",
        label="Room 234",
        device_profile_id="p",
        create_time=TIME,
        version=1,
        **fields,
    )


def test_device() -> None:
    assert as_json(Device.of(device())) == SHOWN


def test_what_is_set_is_shown() -> None:
    shown = as_json(Device.of(devices_pb.Device(id="d", customer_id="c", additional_info=b'{"gateway":true}')))
    assert shown["customerId"] == {"entityType": "CUSTOMER", "id": "c"}
    assert shown["additionalInfo"] == {"gateway": True}
    assert shown["label"] is None


@pytest.mark.parametrize(("transport", "name"), [(0, "DEFAULT"), (1, "DEFAULT"), (2, "MQTT"), (3, "COAP")])
def test_how_a_device_is_reached(transport: TransportType.ValueType, name: str) -> None:
    shown = as_json(Device.of(device(transport_type=transport)))
    assert shown["deviceData"] == {"configuration": {"type": "DEFAULT"}, "transportConfiguration": {"type": name}}


def test_info() -> None:
    alone = {"customerTitle": None, "customerIsPublic": False, "deviceProfileName": "default", "active": False}
    assert as_json(DeviceInfo.of(device())) == SHOWN | alone
    assigned = device(customer_title="Public", customer_is_public=True, presence=devices_pb.Presence(active=True))
    shown = as_json(DeviceInfo.of(assigned))
    assert (shown["customerTitle"], shown["customerIsPublic"], shown["active"]) == ("Public", True, True)


def test_type() -> None:
    tenant = {"entityType": "TENANT", "id": "t"}
    assert as_json(DeviceType(tenant_id=EntityId(entity_type="TENANT", id="t"), type="pump")) == {
        "tenantId": tenant,
        "entityType": "DEVICE",
        "type": "pump",
    }


def test_a_new_device_as_sdk_clients_send_it() -> None:
    body = DeviceBody.read(
        b'{"name":5,"type":"default","label":null,"id":null,"createdTime":null,"firmwareId":null,"deviceData":null,'
        b'"deviceProfileId":{"entityType":"DEVICE_PROFILE","id":"0-0-0-0-F"},'
        b'"customerId":{"entityType":"CUSTOMER","id":"13814000-1dd2-11b2-8080-808080808080"},'
        b'"additionalInfo":{"gateway":true},"ownerId":{"entityType":"TENANT"}}'
    )
    assert body.creation(access_token="T") == CreateDeviceRequest(
        name="5",
        type="default",
        access_token="T",
        device_profile_id=PROFILE,
        additional_info=b'{"gateway":true}',
    )


def test_a_new_device_with_everything() -> None:
    credentials = DeviceCredentialsBody.read(b'{"credentialsType":"ACCESS_TOKEN","credentialsId":"T"}')
    conflict = NameConflict(make_unique=True, separator="_")
    asked = DeviceBody.read(b'{"name":"n"}').creation(credentials=credentials, name_conflict=conflict)
    assert asked == CreateDeviceRequest(
        name="n",
        credentials=devices_pb.DeviceCredentials(type=devices_pb.CREDENTIALS_TYPE_ACCESS_TOKEN, credentials_id="T"),
        name_conflict=conflict,
    )


def test_a_device_goes_back_as_it_came() -> None:
    read = Device.of(
        devices_pb.Device(
            id=DEVICE, tenant_id=PROFILE, name="n", type="pump", device_profile_id=PROFILE, version=3, create_time=TIME
        )
    )
    body = DeviceBody.read(read.model_dump_json(by_alias=True).encode())
    changed = devices_pb.Device(id=DEVICE, name="n", type="pump", device_profile_id=PROFILE)
    assert body.update() == UpdateDeviceRequest(device=changed, version=3)


@pytest.mark.parametrize(("version", "asked"), [("null", 0), ("0", -1), ("7", 7)])
def test_versions(version: str, asked: int) -> None:
    body = DeviceBody.read(b'{"id":{"entityType":"DEVICE","id":"1-2-3-4-5"},"version":%s}' % version.encode())
    assert body.update().version == asked


def test_the_id_of_no_device_is_one_that_nobody_has() -> None:
    body = DeviceBody.read(b'{"id":{"entityType":"DEVICE","id":"%s"}}' % NONE.encode())
    assert body.update().device.id == NONE


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ('"id":"abc"', "Invalid request body: id: "),
        ('"id":{"id":"1-2-3-4-5"}', "Invalid request body: id.entityType: Field required"),
        ('"id":{"entityType":"DEVICE"}', "Invalid request body: id.id: Field required"),
        ('"createdTime":"now"', "Invalid request body: createdTime: "),
        ('"tenantId":{"entityType":"TENANT","id":"abc"}', "Invalid UUID string: abc"),
        ('"tenantId":{"entityType":"USER","id":"1-2-3-4-5"}', "Invalid request body: an id of type TENANT is needed"),
        ('"customerId":{"entityType":"CUSTOMER","id":"abc"}', "Invalid UUID string: abc"),
        ('"name":[]', "Invalid request body: name: "),
        ('"type":{}', "Invalid request body: type: "),
        ('"label":[]', "Invalid request body: label: "),
        ('"deviceProfileId":{"id":"1-2-3-4-5"}', "Invalid request body: deviceProfileId.entityType: Field required"),
        ('"firmwareId":{"entityType":"OTA_PACKAGE","id":"1-2-3-4-5"}', "Can't assign non-existent firmware!"),
        ('"softwareId":{"entityType":"OTA_PACKAGE","id":"1-2-3-4-5"}', "Can't assign non-existent software!"),
        ('"externalId":{"entityType":"DEVICE","id":"abc"}', "Invalid UUID string: abc"),
        ('"version":"one"', "Invalid request body: version: "),
        ('"version":9223372036854775808', "Invalid request body: version: "),
        ('"additionalInfo":NaN', "Invalid request body: a number is out of range"),
        ('"deviceData":[]', "Invalid request body: deviceData: "),
        ('"deviceData":{"configuration":{}}', "Invalid request body: deviceData.configuration.type: Field required"),
        ('"deviceData":{"configuration":{"type":"X"}}', "Invalid request body: deviceData.configuration.type: "),
        (
            '"deviceData":{"transportConfiguration":{"type":"X"}}',
            "Invalid request body: deviceData.transportConfiguration.type: ",
        ),
    ],
)
def test_every_field_wrong_once(field: str, message: str) -> None:
    body = f'{{"name":"n",{field}}}' if '"name"' not in field else f"{{{field}}}"
    with pytest.raises(TrunklineError) as caught:
        DeviceBody.read(body.encode()).creation()
    assert caught.value.row.http == 400
    assert caught.value.message.startswith(message)


def test_both_parts_are_needed() -> None:
    whole = DeviceWithCredentialsBody.read(b'{"device":{"name":"n"},"credentials":{"credentialsId":"T"}}')
    device, credentials = whole.parts()
    assert (device.name, credentials.credentials_id) == ("n", "T")
    with pytest.raises(TrunklineError, match="Validation error: credentials must not be null"):
        DeviceWithCredentialsBody.read(b'{"device":{"name":"n"}}').parts()
    with pytest.raises(TrunklineError, match="Validation error: device must not be null"):
        DeviceWithCredentialsBody.read(b'{"device":null,"credentials":{}}').parts()
