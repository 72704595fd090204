"""Credentials over REST."""

import httpx
import pytest
from doubles.recording_core import DEVICE, RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.v1 import device_service_pb2 as pb
from trunkline.v1.device_pb2 import CREDENTIALS_TYPE_ACCESS_TOKEN, DeviceCredentials
from trunkline.v1.error_pb2 import ErrorReason

ID = "00000000-0000-0000-0000-00000000000c"
TOKEN = DeviceCredentials(id=ID, device_id=DEVICE, type=CREDENTIALS_TYPE_ACCESS_TOKEN, credentials_id="T")


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    shown = DeviceCredentials()
    shown.CopyFrom(TOKEN)
    shown.version = 2
    core.answers[pb.GetDeviceCredentialsRequest] = pb.GetDeviceCredentialsResponse(credentials=shown)
    core.answers[pb.UpdateDeviceCredentialsRequest] = pb.UpdateDeviceCredentialsResponse(credentials=shown)


async def test_read_and_send_back(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    read = await client.get(f"/api/device/{DEVICE}/credentials", headers=bearer)
    assert read.json()["credentialsId"] == "T"
    saved = await client.post("/api/device/credentials", content=read.content, headers=bearer)
    assert saved.json() == read.json()
    assert core.asked == [
        pb.GetDeviceCredentialsRequest(device_id=DEVICE),
        pb.UpdateDeviceCredentialsRequest(credentials=TOKEN, version=2),
    ]
    assert core.tokens == [bearer["X-Authorization"]] * 2


async def test_what_the_core_refuses(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    message = "Device credentials are already assigned to another device!"
    core.answers[pb.UpdateDeviceCredentialsRequest] = TrunklineError(ErrorReason.ERROR_REASON_ALREADY_EXISTS, message)
    body = {"deviceId": {"entityType": "DEVICE", "id": DEVICE}}
    response = await client.post("/api/device/credentials", json=body, headers=bearer)
    assert response.status_code == 400
    assert (response.json()["errorCode"], response.json()["message"]) == (31, message)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"T", b'{"credentialsType":"PASSWORD"}'])
async def test_bodies_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], body: bytes
) -> None:
    response = await client.post("/api/device/credentials", content=body, headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert core.asked == []


async def test_ids_that_are_none(client: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    response = await client.get("/api/device/abc/credentials", headers=bearer)
    assert (response.status_code, response.json()["message"]) == (400, "Invalid UUID string: abc")
