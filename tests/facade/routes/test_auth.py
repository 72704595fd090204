"""Login, refresh, logout, the own user and password, with ThingsBoard's words."""

import httpx
import pytest
from doubles.recording_core import RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.facade.app import create_app
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_pb2 import TokenPair, User
from trunkline.v1.identity_service_pb2 import (
    ChangePasswordRequest,
    ChangePasswordResponse,
    GetSelfRequest,
    GetSelfResponse,
    LoginPublicRequest,
    LoginPublicResponse,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    LogoutResponse,
    RefreshRequest,
    RefreshResponse,
)
from trunkline.v1.rpc_service_pb2 import Role

PAIR = TokenPair(access_token="a", refresh_token="r")


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    core.answers[LoginRequest] = LoginResponse(tokens=PAIR)
    core.answers[LoginPublicRequest] = LoginPublicResponse(tokens=PAIR)
    core.answers[LogoutRequest] = LogoutResponse()
    core.answers[ChangePasswordRequest] = ChangePasswordResponse(tokens=PAIR)
    core.answers[RefreshRequest] = RefreshResponse(tokens=PAIR)
    core.answers[GetSelfRequest] = GetSelfResponse(user=User(id="u", email="a@b.c", role=Role.ROLE_TENANT_ADMIN))


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
async def test_login(client: httpx.AsyncClient, core: RecordingCore, content_type: str) -> None:
    body = b'{"username":"tenant@thingsboard.org","password":"tenant"}'
    # a bad token on an open path does not matter
    headers = {"Content-Type": content_type, "X-Authorization": "Bearer nonsense"}
    response = await client.post("/api/auth/login", content=body, headers=headers)
    assert (response.status_code, response.json()) == (200, {"token": "a", "refreshToken": "r"})
    assert response.headers["content-type"] == "application/json"
    assert core.asked == [LoginRequest(email="tenant@thingsboard.org", password="tenant")]


async def test_a_demos_password_is_no_good_where_others_come(
    connection: CoreConnection, core: RecordingCore, settings: FacadeSettings
) -> None:
    transport = httpx.ASGITransport(create_app(connection, settings.model_copy(update={"host": "0.0.0.0"})))
    async with httpx.AsyncClient(transport=transport, base_url="http://trunkline") as client:
        known = {"username": "tenant@thingsboard.org", "password": "tenant"}
        response = await client.post("/api/auth/login", json=known)
        assert response.status_code == 401
        assert "trunkline user reset-password" in response.json()["message"]
        assert core.asked == []
        response = await client.post("/api/auth/login", json=known | {"password": "another"})
        assert response.status_code == 200


async def test_refresh(client: httpx.AsyncClient, core: RecordingCore) -> None:
    response = await client.post("/api/auth/token", content=b'{"refreshToken":"old"}')
    assert (response.status_code, response.json()) == (200, {"token": "a", "refreshToken": "r"})
    assert core.asked == [RefreshRequest(refresh_token="old")]


async def test_anybody_logs_in_to_what_is_public(client: httpx.AsyncClient, core: RecordingCore) -> None:
    response = await client.post("/api/auth/login/public", content=b'{"publicId":"c"}')
    assert (response.status_code, response.json()) == (200, {"token": "a", "refreshToken": "r"})
    assert core.asked == [LoginPublicRequest(public_id="c")]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/auth/login", b""),
        ("/api/auth/login", b"username=u&password=p"),
        ("/api/auth/login", b'{"username":"u"}'),
        ("/api/auth/login", b'{"username":" ","password":"p"}'),
        ("/api/auth/login", b'{"username":"u","password":""}'),
        ("/api/auth/login", b'{"username":"u","password":"p","more":1}'),
        ("/api/auth/login/public", b"{}"),
        ("/api/auth/login/public", b'{"publicId":" "}'),
        ("/api/auth/login/public", b'{"publicId":"c","more":1}'),
        ("/api/auth/token", b"{}"),
        ("/api/auth/token", b'{"refreshToken":""}'),
        ("/api/auth/token", b'{"refreshToken":"x","more":1}'),
    ],
)
async def test_bodies_that_are_none(client: httpx.AsyncClient, core: RecordingCore, path: str, body: bytes) -> None:
    response = await client.post(path, content=body)
    assert response.status_code == 401
    assert (response.json()["errorCode"], response.json()["message"]) == (10, "Authentication failed")
    assert core.asked == []


@pytest.mark.parametrize(
    ("reason", "code", "message"),
    [
        ("UNAUTHENTICATED", 10, "Invalid username or password"),
        ("ACCOUNT_DISABLED", 10, "User account is not active"),
        ("TOKEN_EXPIRED", 11, "Token has expired"),
    ],
)
async def test_what_the_core_refuses(
    client: httpx.AsyncClient, core: RecordingCore, reason: str, code: int, message: str
) -> None:
    core.answers[LoginRequest] = TrunklineError(ErrorReason.Value(f"ERROR_REASON_{reason}"), message)
    response = await client.post("/api/auth/login", json={"username": "u", "password": "p"})
    assert response.status_code == 401
    assert (response.json()["errorCode"], response.json()["message"]) == (code, message)


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/auth/login/public", "/api/auth/token"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_any_method_but_post(client: httpx.AsyncClient, path: str, method: str) -> None:
    response = await client.request(method, path)
    assert response.status_code == 401
    assert response.json()["message"] == "Authentication method not supported"


async def test_the_own_user(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.get("/api/auth/user", headers=bearer)
    assert response.json()["email"] == "a@b.c"
    assert core.tokens == [bearer["X-Authorization"]]
    assert (await client.get("/api/auth/user")).status_code == 401


async def test_nobody_is_behind_a_public_token(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    reason = ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    core.answers[GetSelfRequest] = TrunklineError(reason, "A public customer's token stands for no user")
    response = await client.get("/api/auth/user", headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)


async def test_logout(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.post("/api/auth/logout", headers=bearer)
    assert (response.status_code, response.content) == (200, b"")
    assert core.asked == [LogoutRequest()]
    assert core.tokens == [bearer["X-Authorization"]]
    assert (await client.post("/api/auth/logout")).status_code == 401


async def test_another_password(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    body = b'{"currentPassword":"old","newPassword":"new"}'
    response = await client.post("/api/auth/changePassword", content=body, headers=bearer)
    assert (response.status_code, response.json()) == (200, {"token": "a", "refreshToken": "r"})
    assert core.asked == [ChangePasswordRequest(current_password="old", new_password="new")]
    assert (await client.post("/api/auth/changePassword", content=body)).status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b'{"newPassword":{}}'])
async def test_passwords_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], body: bytes
) -> None:
    response = await client.post("/api/auth/changePassword", content=body, headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert core.asked == []


async def test_a_login_is_bounded(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/auth/login", content=b"x" * 2_000_000)).status_code == 413
