"""Single devices over REST: what the core is asked, and what of its answers is told."""

from typing import Any

import httpx
import pytest
from doubles.recording_core import DEVICE, TENANT, USER, RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.v1 import device_service_pb2 as pb
from trunkline.v1.device_pb2 import CREDENTIALS_TYPE_ACCESS_TOKEN, Device, DeviceCredentials, Presence
from trunkline.v1.error_pb2 import ErrorReason

ID = {"entityType": "DEVICE", "id": DEVICE}
CUSTOMER = "00000000-0000-0000-0000-00000000000a"
CREDENTIALS = "00000000-0000-0000-0000-00000000000c"
NOT_ALLOWED = "You don't have permission to perform this operation!"


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    device = Device(id=DEVICE, name="n", type="pump", customer_title="A", presence=Presence(active=True))
    core.answers[pb.CreateDeviceRequest] = pb.CreateDeviceResponse(device=device)
    core.answers[pb.GetDeviceRequest] = pb.GetDeviceResponse(device=device)
    core.answers[pb.UpdateDeviceRequest] = pb.UpdateDeviceResponse(device=device)
    core.answers[pb.DeleteDeviceRequest] = pb.DeleteDeviceResponse()
    core.answers[pb.ListDeviceTypesRequest] = pb.ListDeviceTypesResponse(types=["default", "pump"])
    core.answers[pb.AssignDeviceRequest] = pb.AssignDeviceResponse(device=device)
    core.answers[pb.UnassignDeviceRequest] = pb.UnassignDeviceResponse(device=device)
    credentials = DeviceCredentials(id=CREDENTIALS, device_id=DEVICE)
    core.answers[pb.GetDeviceCredentialsRequest] = pb.GetDeviceCredentialsResponse(credentials=credentials)
    core.answers[pb.UpdateDeviceCredentialsRequest] = pb.UpdateDeviceCredentialsResponse(credentials=credentials)


@pytest.fixture
def customer_user(core: RecordingCore) -> dict[str, str]:
    """Headers of a customer's user."""
    return {"X-Authorization": f"Bearer {core.signer.sign(scopes=['CUSTOMER_USER'], customerId=USER)}"}


async def test_create(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    body = b'{"name":"n","type":"default","label":"Room 234","unknown":1}'
    response = await client.post("/api/device?accessToken=T", content=body, headers=bearer)
    assert (response.status_code, response.json()["name"]) == (200, "n")
    assert core.asked == [pb.CreateDeviceRequest(name="n", type="default", label="Room 234", access_token="T")]
    assert core.tokens == [bearer["X-Authorization"]]


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/x-www-form-urlencoded", ""])
async def test_the_content_type_is_not_looked_at(
    client: httpx.AsyncClient, bearer: dict[str, str], content_type: str
) -> None:
    headers = bearer | {"Content-Type": content_type}
    assert (await client.post("/api/device", content=b'{"name":"n"}', headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("query", "conflict"),
    [
        ("", None),
        ("?accessToken=", None),
        ("?nameConflictPolicy=FAIL&uniquifyStrategy=INCREMENTAL", None),
        ("?nameConflictPolicy=UNIQUIFY", pb.NameConflict(make_unique=True, separator="_")),
        (
            "?nameConflictPolicy=UNIQUIFY&uniquifySeparator=-&uniquifyStrategy=INCREMENTAL",
            pb.NameConflict(make_unique=True, separator="-", count=True),
        ),
    ],
)
async def test_names_that_are_taken(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], query: str, conflict: pb.NameConflict | None
) -> None:
    await client.post(f"/api/device{query}", content=b'{"name":"n"}', headers=bearer)
    assert core.asked == [pb.CreateDeviceRequest(name="n", name_conflict=conflict)]


@pytest.mark.parametrize("query", ["nameConflictPolicy=LATER", "uniquifyStrategy=random", "nameConflictPolicy="])
async def test_parameters_that_are_none(client: httpx.AsyncClient, bearer: dict[str, str], query: str) -> None:
    response = await client.post(f"/api/device?{query}", content=b'{"name":"n"}', headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert query.split("=")[0] in response.json()["message"]


async def test_change(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    body = {"id": ID, "name": "n", "label": "l", "version": 3}
    response = await client.post("/api/device?accessToken=ignored", json=body, headers=bearer)
    assert response.json()["id"] == ID
    changed = Device(id=DEVICE, name="n", label="l")
    assert core.asked == [pb.UpdateDeviceRequest(device=changed, version=3)]


WITH_CREDENTIALS: dict[str, Any] = {
    "device": {"name": "n"},
    "credentials": {"credentialsType": "ACCESS_TOKEN", "credentialsId": "T"},
}


async def test_create_with_credentials(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    path = "/api/device-with-credentials?nameConflictPolicy=UNIQUIFY"
    response = await client.post(path, json=WITH_CREDENTIALS, headers=bearer)
    assert response.json()["id"] == ID
    assert core.asked == [
        pb.CreateDeviceRequest(
            name="n",
            credentials=DeviceCredentials(type=CREDENTIALS_TYPE_ACCESS_TOKEN, credentials_id="T"),
            name_conflict=pb.NameConflict(make_unique=True, separator="_"),
        )
    ]


async def test_change_with_credentials(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    body = WITH_CREDENTIALS | {"device": {"id": ID, "name": "n"}}
    response = await client.post("/api/device-with-credentials", json=body, headers=bearer)
    assert response.json()["id"] == ID
    assert core.asked == [
        pb.UpdateDeviceRequest(
            device=Device(id=DEVICE, name="n"),
            credentials=DeviceCredentials(type=CREDENTIALS_TYPE_ACCESS_TOKEN, credentials_id="T"),
        )
    ]


async def test_a_customers_user_changes_no_credentials(
    client: httpx.AsyncClient, core: RecordingCore, customer_user: dict[str, str]
) -> None:
    body = WITH_CREDENTIALS | {"device": {"id": ID, "name": "n"}}
    response = await client.post("/api/device-with-credentials", json=body, headers=customer_user)
    assert (response.status_code, response.json()["message"]) == (403, NOT_ALLOWED)
    assert core.asked == []


@pytest.mark.parametrize("path", ["/api/device", "/api/device-with-credentials"])
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"name=n", b'{"device":5,"id":5}'])
async def test_bodies_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str, body: bytes
) -> None:
    response = await client.post(path, content=body, headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"].startswith("Invalid request body: ")
    assert core.asked == []


async def test_get(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    headers = bearer | {"Content-Type": "application/json"}  # as one SDK sends it, without a body
    response = await client.get(f"/api/device/{DEVICE.upper()}", headers=headers)
    assert response.json()["id"] == ID
    assert "active" not in response.json()
    assert core.asked == [pb.GetDeviceRequest(id=DEVICE)]


async def test_info(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    shown = (await client.get(f"/api/device/info/{DEVICE}", headers=bearer)).json()
    assert (shown["customerTitle"], shown["deviceProfileName"], shown["active"]) == ("A", "pump", True)
    assert core.asked == [pb.GetDeviceRequest(id=DEVICE)]


@pytest.mark.parametrize("path", ["/api/tenant/device", "/api/tenant/devices"])
async def test_find(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str) -> None:
    response = await client.get(path, params={"deviceName": "n"}, headers=bearer)
    assert response.json()["name"] == "n"
    assert core.asked == [pb.GetDeviceRequest(name="n")]


@pytest.mark.parametrize("path", ["/api/tenant/device", "/api/tenant/devices"])
async def test_only_administrators_find_by_name(
    client: httpx.AsyncClient, core: RecordingCore, customer_user: dict[str, str], path: str
) -> None:
    core.answers[pb.GetDeviceRequest] = TrunklineError(ErrorReason.ERROR_REASON_PERMISSION_DENIED, NOT_ALLOWED)
    response = await client.get(path, params={"deviceName": "n"}, headers=customer_user)
    assert response.status_code == 403
    assert (response.json()["errorCode"], response.json()["message"]) == (20, NOT_ALLOWED)
    assert core.asked == [pb.GetDeviceRequest(name="n")]
    assert core.tokens == list(customer_user.values())  # it is the core that knows the user's role


async def test_types(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    tenant = {"entityType": "TENANT", "id": TENANT}
    assert (await client.get("/api/device/types", headers=bearer)).json() == [
        {"tenantId": tenant, "entityType": "DEVICE", "type": "default"},
        {"tenantId": tenant, "entityType": "DEVICE", "type": "pump"},
    ]
    assert core.asked == [pb.ListDeviceTypesRequest()]


async def test_delete(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.request("DELETE", f"/api/device/{DEVICE}", content=b"{}", headers=bearer)
    assert (response.status_code, response.content) == (200, b"")
    assert "content-type" not in response.headers
    assert core.asked == [pb.DeleteDeviceRequest(id=DEVICE)]


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        (
            "POST",
            f"/api/customer/{CUSTOMER}/device/{DEVICE}",
            pb.AssignDeviceRequest(device_id=DEVICE, customer_id=CUSTOMER),
        ),
        ("POST", f"/api/customer/public/device/{DEVICE}", pb.AssignDeviceRequest(device_id=DEVICE, public=True)),
        ("DELETE", f"/api/customer/device/{DEVICE}", pb.UnassignDeviceRequest(device_id=DEVICE)),
    ],
)
async def test_assignment(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], method: str, path: str, asked: Any
) -> None:
    response = await client.request(method, path, headers=bearer)
    assert (response.status_code, response.json()["id"]) == (200, ID)
    assert core.asked == [asked]


PATHS = [
    ("GET", "/api/device/{}"),
    ("DELETE", "/api/device/{}"),
    ("GET", "/api/device/info/{}"),
    ("POST", "/api/customer/public/device/{}"),
    ("POST", f"/api/customer/{CUSTOMER}/device/{{}}"),
    ("POST", f"/api/customer/{{}}/device/{DEVICE}"),
    ("DELETE", "/api/customer/device/{}"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_ids_that_are_none(client: httpx.AsyncClient, bearer: dict[str, str], method: str, path: str) -> None:
    response = await client.request(method, path.format("abc"), headers=bearer)
    assert (response.status_code, response.json()["message"]) == (400, "Invalid UUID string: abc")


@pytest.mark.parametrize(
    ("reason", "status", "code", "message"),
    [
        ("DEVICE_NOT_FOUND", 404, 32, f"Device with id [{DEVICE}] is not found"),
        ("PERMISSION_DENIED", 403, 20, NOT_ALLOWED),
        ("TOKEN_EXPIRED", 401, 11, "Token has expired"),
        ("ALREADY_EXISTS", 400, 31, "Device with such name already exists!"),
        ("VERSION_CONFLICT", 409, 35, "Device was already changed by someone else"),
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
