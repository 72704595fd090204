"""The application as a whole: what answers which path, and what a bug or an unknown path looks like."""

import re
from typing import Any

import httpx
import pytest
import structlog
from doubles.recording_core import DEVICE, RecordingCore
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from trunkline.facade.app import create_app
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.metrics import Counters
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.device_service_pb2 import GetDeviceRequest, GetDeviceResponse


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_paths(client: httpx.AsyncClient, bearer: dict[str, str], method: str) -> None:
    known = await client.request(method, "/api/none", headers=bearer)
    assert (known.status_code, known.json()["errorCode"], known.json()["message"]) == (404, 32, "Not Found")
    stranger = await client.request(method, "/api/none")
    assert (stranger.status_code, stranger.json()["errorCode"]) == (401, 10)
    assert (await client.request(method, "/none")).status_code == 404
    assert (await client.request(method, "/api/v1/T/rpc")).status_code == 404


async def test_wrong_methods(client: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    response = await client.put("/api/auth/user", headers=bearer)
    assert (response.status_code, response.json()["message"]) == (405, "Request method 'PUT' is not supported")
    assert (await client.put("/api/auth/user")).status_code == 401


FOR_ANYBODY = {"/api/auth/login", "/api/auth/login/public", "/api/auth/token", "/api/noauth/activate"}


async def test_the_api_is_for_those_who_log_in(client: httpx.AsyncClient, core: RecordingCore) -> None:
    page: dict[str, dict[str, Any]] = (await client.get("/openapi.json")).json()["paths"]
    operations = [(method, path) for path in page for method in page[path] if path.startswith("/api/")]
    assert len(operations) > 50
    for method, path in [*operations, ("get", "/api/tenant/devices?deviceName=n")]:
        if path not in FOR_ANYBODY:  # nothing of the request is looked at
            response = await client.request(method, re.sub("{.*?}", "abc", path), content=b"{")
            assert (response.status_code, response.json()["errorCode"]) == (401, 10), path
    assert core.asked == []


async def test_paths_with_a_slash_too_many_are_unknown(client: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    assert (await client.get("/api/auth/user/", headers=bearer)).status_code == 404


async def test_mounts_get_the_request_as_it_came(connection: CoreConnection, settings: FacadeSettings) -> None:
    async def device_api(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(scope["path"])(scope, receive, send)

    app = create_app(connection, settings, {"/api/v1": device_api})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trunkline") as client:
        response = await client.get("/api/v1/TOKEN/rpc")
        assert response.text == "/api/v1/TOKEN/rpc"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert (await client.get("/api/v11")).status_code == 401


async def test_a_bug_is_a_500_with_an_id(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    core.answers[GetDeviceRequest] = GetDeviceResponse()
    monkeypatch.setattr("trunkline.facade.routes.devices.Device.of", broken)
    monkeypatch.setattr("trunkline.facade.rpc_routes.answer_result", broken)
    with structlog.testing.capture_logs() as logs:
        responses = [
            await client.get(f"/api/device/{DEVICE}", headers=bearer),
            await client.post(f"/api/rpc/twoway/{DEVICE}", content=b'{"method":"m"}', headers=bearer),
        ]
    for response, line in zip(responses, logs, strict=True):
        assert (response.status_code, response.json()["errorCode"]) == (500, 2)
        assert response.json()["message"] == f"Internal error, logged as request {line['request_id']}"
        assert isinstance(line["exc_info"], ZeroDivisionError)


def broken(*_: object) -> None:
    raise ZeroDivisionError


async def test_what_happened_is_counted(
    connection: CoreConnection, settings: FacadeSettings, bearer: dict[str, str]
) -> None:
    counters = Counters()
    app = create_app(connection, settings, counters=counters)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trunkline") as client:
        await client.post(f"/api/rpc/twoway/{DEVICE}", content=b'{"method":"m"}', headers=bearer)
        await client.post(f"/api/rpc/twoway/{DEVICE}", content=b"", headers=bearer)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in counters.collect()
        for sample in metric.samples
    }
    assert samples["trunkline_facade_calls_total", "TWO_WAY", "SUCCEEDED", ""] == 1
    assert samples["trunkline_facade_refused_total", "INVALID_ARGUMENT"] == 1
