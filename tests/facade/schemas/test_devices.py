"""Devices' shapes, field by field: clients refuse an entity whose ids or types are incomplete."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.base import Body
from trunkline.facade.schemas.devices import Device, DeviceCredentials, NewDevice
from trunkline.v1 import device_pb2 as devices_pb

NONE = "13814000-1dd2-11b2-8080-808080808080"
TIME = Timestamp(seconds=1_720_000_000, nanos=123_000_000)


def as_json(body: Body) -> Any:
    return body.model_dump(mode="json", by_alias=True)


def test_device() -> None:
    device = devices_pb.Device(
        id="d",
        tenant_id="t",
        name="A4B72CCDFF33",
        type="default",
        label="Room 234",
        device_profile_id="p",
        create_time=TIME,
        version=1,
    )
    assert as_json(Device.of(device)) == {
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


def test_what_is_set_is_shown() -> None:
    device = devices_pb.Device(id="d", customer_id="c", additional_info=b'{"gateway":true}')
    shown = as_json(Device.of(device))
    assert shown["customerId"] == {"entityType": "CUSTOMER", "id": "c"}
    assert shown["additionalInfo"] == {"gateway": True}
    assert shown["label"] is None


def test_credentials() -> None:
    credentials = devices_pb.DeviceCredentials(
        id="i",
        device_id="d",
        type=devices_pb.CREDENTIALS_TYPE_ACCESS_TOKEN,
        credentials_id="A1_TEST_TOKEN",
        create_time=TIME,
        version=1,
    )
    assert as_json(DeviceCredentials.of(credentials)) == {
        "id": {"id": "i"},
        "createdTime": 1_720_000_000_123,
        "deviceId": {"entityType": "DEVICE", "id": "d"},
        "credentialsType": "ACCESS_TOKEN",
        "credentialsId": "A1_TEST_TOKEN",
        "credentialsValue": None,
        "version": 1,
    }


def test_a_new_device_as_sdk_clients_send_it() -> None:
    body = NewDevice.read(
        b'{"name":5,"type":"default","label":null,"id":null,"createdTime":null,"firmwareId":null,"deviceData":null,'
        b'"deviceProfileId":{"entityType":"DEVICE_PROFILE","id":"784f394c-42b6-435a-983c-b7beff2784f9"},'
        b'"customerId":{"entityType":"CUSTOMER","id":"13814000-1dd2-11b2-8080-808080808080"},'
        b'"additionalInfo":{"gateway":true}}'
    )
    request = body.request("T")
    assert (request.name, request.type, request.label, request.access_token) == ("5", "default", "", "T")
    assert (request.device_profile_id, request.customer_id) == ("784f394c-42b6-435a-983c-b7beff2784f9", "")
    assert request.additional_info == b'{"gateway":true}'
    assert NewDevice.read(b'{"name":"n"}').request(None).access_token == ""


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"deviceProfileId":{"id":"p"}}', b'{"name":[]}', b"\xff"],
)
def test_bodies_that_are_none(body: bytes) -> None:
    with pytest.raises(TrunklineError, match="Invalid request body: ") as caught:
        NewDevice.read(body)
    assert caught.value.row.http == 400
