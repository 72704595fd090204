"""Activation links: where they lead, in which form they are handed out, and what they are good for."""

import httpx
import pytest
from doubles.recording_core import USER, RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.facade.app import create_app
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_pb2 import TokenPair
from trunkline.v1.identity_service_pb2 import (
    ActivateUserRequest,
    ActivateUserResponse,
    GetActivationTokenRequest,
    GetActivationTokenResponse,
)

LINK = f"/api/user/{USER}/activationLink"


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    core.answers[GetActivationTokenRequest] = GetActivationTokenResponse(activation_token="T", remaining_ms=86_400_000)
    core.answers[ActivateUserRequest] = ActivateUserResponse(tokens=TokenPair(access_token="a", refresh_token="r"))


@pytest.mark.parametrize("accept", [None, "*/*", "text/plain", "text/*;q=0.5", "application/json, text/plain", " "])
async def test_a_link_as_text(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], accept: str | None
) -> None:
    del client.headers["Accept"]
    headers = bearer if accept is None else bearer | {"Accept": accept}
    response = await client.get(LINK, headers=headers)
    assert response.status_code == 200
    assert response.text == "http://trunkline/api/noauth/activate?activateToken=T"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert core.asked == [GetActivationTokenRequest(user_id=USER)]
    assert core.tokens == [bearer["X-Authorization"]]


async def test_nothing_but_text(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.get(LINK, headers=bearer | {"Accept": "application/json"})
    assert (response.status_code, response.json()["errorCode"]) == (406, 31)
    assert core.asked == []


async def test_a_link_as_json(client: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    response = await client.get(f"{LINK}Info", headers=bearer | {"Host": "example.org:8080"})
    assert response.json() == {
        "value": "http://example.org:8080/api/noauth/activate?activateToken=T",
        "ttlMs": 86_400_000,
    }


@pytest.mark.parametrize("public_url", ["https://example.org/iot", "https://example.org/iot/"])
async def test_a_link_to_where_the_operator_says(
    connection: CoreConnection, settings: FacadeSettings, bearer: dict[str, str], public_url: str
) -> None:
    transport = httpx.ASGITransport(create_app(connection, settings.model_copy(update={"public_url": public_url})))
    async with httpx.AsyncClient(transport=transport, base_url="http://trunkline") as client:
        response = await client.get(LINK, headers=bearer)
    assert response.text == "https://example.org/iot/api/noauth/activate?activateToken=T"


async def test_activated_already(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    reason = ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    core.answers[GetActivationTokenRequest] = TrunklineError(reason, "User is already activated!")
    response = await client.get(LINK, headers=bearer)
    assert (response.status_code, response.json()["message"]) == (400, "User is already activated!")


async def test_an_id_that_is_none(client: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    response = await client.get("/api/user/abc/activationLink", headers=bearer)
    assert (response.status_code, response.json()["message"]) == (400, "Invalid UUID string: abc")


@pytest.mark.parametrize("path", ["/api/noauth/activate", "/api/noauth/activate?sendActivationMail=false"])
async def test_activation(client: httpx.AsyncClient, core: RecordingCore, path: str) -> None:
    response = await client.post(path, content=b'{"activateToken":"T","password":"secret1"}')
    assert (response.status_code, response.json()) == (200, {"token": "a", "refreshToken": "r"})
    assert core.asked == [ActivateUserRequest(activation_token="T", password="secret1")]
    assert core.tokens == [""]


async def test_what_is_missing_is_the_cores_to_name(client: httpx.AsyncClient, core: RecordingCore) -> None:
    assert (await client.post("/api/noauth/activate", content=b'{"password":null}')).status_code == 200
    assert core.asked == [ActivateUserRequest()]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"activateToken":[]}', b'{"password":{}}'])
async def test_bodies_that_are_none(client: httpx.AsyncClient, core: RecordingCore, body: bytes) -> None:
    response = await client.post("/api/noauth/activate", content=body)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert core.asked == []
