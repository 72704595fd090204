"""Credentials' shape, which clients send back as they read it."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.device_credentials import DeviceCredentials, DeviceCredentialsBody
from trunkline.v1 import device_pb2 as devices_pb
from trunkline.v1.device_service_pb2 import UpdateDeviceCredentialsRequest

ID = "00000000-0000-0000-0000-00000000000c"
DEVICE = "784f394c-42b6-435a-983c-b7beff2784f9"


def credentials(version: int = 0) -> devices_pb.DeviceCredentials:
    return devices_pb.DeviceCredentials(
        id=ID,
        device_id=DEVICE,
        type=devices_pb.CREDENTIALS_TYPE_ACCESS_TOKEN,
        credentials_id="A1_TEST_TOKEN",
        version=version,
    )


def test_credentials() -> None:
    shown = credentials(version=1)
    shown.create_time.CopyFrom(Timestamp(seconds=1_720_000_000, nanos=123_000_000))
    assert DeviceCredentials.of(shown).model_dump(mode="json", by_alias=True) == {
        "id": {"id": ID},
        "createdTime": 1_720_000_000_123,
        "deviceId": {"entityType": "DEVICE", "id": DEVICE},
        "credentialsType": "ACCESS_TOKEN",
        "credentialsId": "A1_TEST_TOKEN",
        "credentialsValue": None,
        "version": 1,
    }


def test_they_go_back_as_they_came() -> None:
    read = DeviceCredentials.of(credentials(version=4)).model_dump_json(by_alias=True).encode()
    asked = DeviceCredentialsBody.read(read).update()
    assert asked == UpdateDeviceCredentialsRequest(credentials=credentials(), version=4)


@pytest.mark.parametrize("kind", ["ACCESS_TOKEN", "MQTT_BASIC", "X509_CERTIFICATE"])
def test_every_kind(kind: str) -> None:
    body = DeviceCredentialsBody.read(b'{"credentialsType":"%s","credentialsValue":"v"}' % kind.encode())
    message = body.message()
    assert (devices_pb.CredentialsType.Name(message.type), message.credentials_value) == (
        f"CREDENTIALS_TYPE_{kind}",
        "v",
    )


def test_what_else_is_missing_is_for_the_core_to_tell() -> None:
    body = DeviceCredentialsBody.read(b'{"deviceId":{"entityType":"DEVICE","id":"%s"}}' % DEVICE.encode())
    asked = UpdateDeviceCredentialsRequest(credentials=devices_pb.DeviceCredentials(device_id=DEVICE))
    assert body.update() == asked


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"id":"abc"}', "Invalid request body: id: "),
        ("{}", "Invalid entity id"),
        ('{"deviceId":{"entityType":"DEVICE","id":"13814000-1dd2-11b2-8080-808080808080"}}', "Invalid entity id"),
        ('{"id":{}}', "Invalid request body: id.id: Field required"),
        ('{"id":{"id":"abc"}}', "Invalid UUID string: abc"),
        ('{"createdTime":"now"}', "Invalid request body: createdTime: "),
        ('{"deviceId":{"id":"1-2-3-4-5"}}', "Invalid request body: deviceId.entityType: Field required"),
        ('{"deviceId":{"entityType":"USER","id":"1-2-3-4-5"}}', "Invalid request body: an id of type DEVICE is needed"),
        ('{"credentialsType":"PASSWORD"}', "Invalid request body: credentialsType: "),
        ('{"credentialsType":"LWM2M_CREDENTIALS"}', "Invalid request body: credentialsType: "),
        ('{"credentialsId":[]}', "Invalid request body: credentialsId: "),
        ('{"credentialsValue":{"userName":"u"}}', "Invalid request body: credentialsValue: "),
        ('{"version":1.5}', "Invalid request body: version: "),
    ],
)
def test_every_field_wrong_once(body: str, message: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        DeviceCredentialsBody.read(body.encode()).update()
    assert caught.value.row.http == 400
    assert caught.value.message.startswith(message)
