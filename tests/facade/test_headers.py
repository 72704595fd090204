"""Security headers on every answer; CORS only for the origins that were set, never with credentials."""

import httpx
import pytest
from doubles.recording_core import DEVICE, RecordingCore

from trunkline.facade.app import create_app
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.headers import SECURITY_HEADERS
from trunkline.facade.settings import FacadeSettings

RPC = f"/api/rpc/twoway/{DEVICE}"
ORIGIN = "http://page.example"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", RPC),
        ("GET", RPC),
        ("GET", "/api/none"),
        ("GET", "/none"),
        ("GET", "/livez"),
        ("GET", "/docs"),
        ("POST", "/api/auth/login"),
        ("GET", "/api/auth/user"),
    ],
)
async def test_security_headers(client: httpx.AsyncClient, bearer: dict[str, str], method: str, path: str) -> None:
    for headers in ({}, bearer):
        response = await client.request(method, path, content=b'{"method":"m"}', headers=headers)
        for name, value in SECURITY_HEADERS:
            assert value.decode() in response.headers.get_list(name.decode())


async def browser(connection: CoreConnection, settings: FacadeSettings, *origins: str) -> httpx.AsyncClient:
    app = create_app(connection, settings.model_copy(update={"cors_origins": origins}))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://trunkline", headers={"Origin": ORIGIN}
    )


PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-authorization,content-type",
}


@pytest.mark.parametrize(("origins", "allowed"), [(("*",), "*"), ((ORIGIN,), ORIGIN)])
async def test_pages_of_the_given_origins(
    connection: CoreConnection,
    settings: FacadeSettings,
    bearer: dict[str, str],
    origins: tuple[str, ...],
    allowed: str,
) -> None:
    async with await browser(connection, settings, *origins) as page:
        preflight = await page.options(RPC, headers=PREFLIGHT)  # without a token, as browsers do
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == allowed
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-allow-headers"] == "x-authorization,content-type"
        for headers in (bearer, {}):  # an error must be readable too
            answer = await page.post(RPC, content=b'{"method":"m"}', headers=headers)
            assert answer.headers["access-control-allow-origin"] == allowed
            assert answer.headers["access-control-expose-headers"] == "Trunkline-Call-Id, Trunkline-Cause"
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origins", [(), ("http://other.example",)])
async def test_other_pages(
    connection: CoreConnection, settings: FacadeSettings, bearer: dict[str, str], origins: tuple[str, ...]
) -> None:
    async with await browser(connection, settings, *origins) as page:
        assert (await page.options(RPC, headers=PREFLIGHT)).status_code in (400, 401)
        answer = await page.post(RPC, content=b'{"method":"m"}', headers=bearer)
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers


async def test_only_the_api_is_for_pages(connection: CoreConnection, settings: FacadeSettings) -> None:
    async with await browser(connection, settings, "*") as page:
        assert "access-control-allow-origin" not in (await page.get("/livez")).headers


async def test_programs_are_not_asked_for_an_origin(
    connection: CoreConnection, settings: FacadeSettings, core: RecordingCore, bearer: dict[str, str]
) -> None:
    app = create_app(connection, settings.model_copy(update={"cors_origins": ("*",)}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trunkline") as client:
        answer = await client.post(RPC, content=b'{"method":"m"}', headers=bearer)
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers
