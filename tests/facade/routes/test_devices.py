"""Devices and credentials over REST."""

import httpx
import pytest
from doubles.recording_core import DEVICE, USER, RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.v1 import device_service_pb2 as pb
from trunkline.v1.error_pb2 import ErrorReason


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    device = pb.Device(id=DEVICE, name="n")
    core.answers[pb.CreateDeviceRequest] = pb.CreateDeviceResponse(device=device)
    core.answers[pb.GetDeviceRequest] = pb.GetDeviceResponse(device=device)
    core.answers[pb.DeleteDeviceRequest] = pb.DeleteDeviceResponse()
    credentials = pb.DeviceCredentials(device_id=DEVICE, type=pb.CREDENTIALS_TYPE_ACCESS_TOKEN, credentials_id="T")
    core.answers[pb.GetDeviceCredentialsRequest] = pb.GetDeviceCredentialsResponse(credentials=credentials)


async def test_create(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    body = b'{"name":"n","type":"default","label":"Room 234","unknown":1}'
    response = await client.post("/api/device?accessToken=T", content=body, headers=bearer)
    assert (response.status_code, response.json()["name"]) == (200, "n")
    assert core.asked == [pb.CreateDeviceRequest(name="n", type="default", label="Room 234", access_token="T")]
    assert core.tokens == [bearer["X-Authorization"]]


async def test_an_empty_token_counts_as_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    for query in ("", "?accessToken=", "?nameConflictPolicy=FAIL"):
        await client.post(f"/api/device{query}", content=b'{"name":"n"}', headers=bearer)
    assert core.asked == [pb.CreateDeviceRequest(name="n")] * 3


async def test_changing_is_not_there_yet(client: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    body = {"id": {"entityType": "DEVICE", "id": DEVICE}, "name": "n"}
    response = await client.post("/api/device", json=body, headers=bearer)
    assert response.status_code == 400
    assert "cannot be changed" in response.json()["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"name=n"])
async def test_bodies_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], body: bytes
) -> None:
    response = await client.post("/api/device", content=body, headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert core.asked == []


async def test_get(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    headers = bearer | {"Content-Type": "application/json"}  # as one SDK sends it, without a body
    response = await client.get(f"/api/device/{DEVICE.upper()}", headers=headers)
    assert response.json()["id"] == {"entityType": "DEVICE", "id": DEVICE}
    assert core.asked == [pb.GetDeviceRequest(id=DEVICE)]


@pytest.mark.parametrize("path", ["/api/tenant/device", "/api/tenant/devices"])
async def test_find(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str) -> None:
    response = await client.get(path, params={"deviceName": "n"}, headers=bearer)
    assert response.json()["name"] == "n"
    assert core.asked == [pb.GetDeviceRequest(name="n")]
    response = await client.get(path, headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert "deviceName" in response.json()["message"]


@pytest.mark.parametrize("path", ["/api/tenant/device", "/api/tenant/devices"])
async def test_only_administrators_find_by_name(client: httpx.AsyncClient, core: RecordingCore, path: str) -> None:
    message = "You don't have permission to perform this operation!"
    core.answers[pb.GetDeviceRequest] = TrunklineError(ErrorReason.ERROR_REASON_PERMISSION_DENIED, message)
    token = f"Bearer {core.signer.sign(scopes=['CUSTOMER_USER'], customerId=USER)}"
    response = await client.get(path, params={"deviceName": "n"}, headers={"X-Authorization": token})
    assert response.status_code == 403
    assert (response.json()["errorCode"], response.json()["message"]) == (20, message)
    assert core.asked == [pb.GetDeviceRequest(name="n")]
    assert core.tokens == [token]  # it is the core that knows the user's role


async def test_delete(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.request("DELETE", f"/api/device/{DEVICE}", content=b"{}", headers=bearer)
    assert (response.status_code, response.content) == (200, b"")
    assert "content-type" not in response.headers
    assert core.asked == [pb.DeleteDeviceRequest(id=DEVICE)]


async def test_credentials(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.get(f"/api/device/{DEVICE}/credentials", headers=bearer)
    assert response.json()["credentialsId"] == "T"
    assert core.asked == [pb.GetDeviceCredentialsRequest(device_id=DEVICE)]


PATHS = [
    ("POST", "/api/device"),
    ("GET", "/api/device/{}"),
    ("DELETE", "/api/device/{}"),
    ("GET", "/api/device/{}/credentials"),
    ("GET", "/api/tenant/device?deviceName=n"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_nothing_without_a_token(client: httpx.AsyncClient, core: RecordingCore, method: str, path: str) -> None:
    response = await client.request(method, path.format("abc"), content=b"{")
    assert (response.status_code, response.json()["errorCode"]) == (401, 10)
    assert core.asked == []


@pytest.mark.parametrize(("method", "path"), PATHS[1:4])
async def test_ids_that_are_none(client: httpx.AsyncClient, bearer: dict[str, str], method: str, path: str) -> None:
    response = await client.request(method, path.format("abc"), headers=bearer)
    assert (response.status_code, response.json()["message"]) == (400, "Invalid UUID string: abc")


@pytest.mark.parametrize(
    ("reason", "status", "code", "message"),
    [
        ("DEVICE_NOT_FOUND", 404, 32, f"Device with id [{DEVICE}] is not found"),
        ("PERMISSION_DENIED", 403, 20, "You don't have permission to perform this operation!"),
        ("TOKEN_EXPIRED", 401, 11, "Token has expired"),
        ("STORE_UNAVAILABLE", 503, 2, "The database does not answer"),
    ],
)
async def test_what_the_core_refuses(
    client: httpx.AsyncClient,
    core: RecordingCore,
    bearer: dict[str, str],
    reason: str,
    status: int,
    code: int,
    message: str,
) -> None:
    core.answers[pb.GetDeviceRequest] = TrunklineError(ErrorReason.Value(f"ERROR_REASON_{reason}"), message)
    response = await client.get(f"/api/device/{DEVICE}", headers=bearer)
    assert response.status_code == status
    assert (response.json()["errorCode"], response.json()["message"]) == (code, message)
