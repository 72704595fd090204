"""Probes and public keys."""

import asyncio

import httpx
from doubles.recording_core import RecordingCore

from trunkline.facade.core_connection import CoreConnection


async def test_probes(client: httpx.AsyncClient, core: RecordingCore, connection: CoreConnection) -> None:
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
    gone = asyncio.Event()
    connection.calls.on_connection = lambda connected: gone.set()
    async with asyncio.timeout(10):
        await core.stop()
        await gone.wait()
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 503


async def test_public_keys(client: httpx.AsyncClient, core: RecordingCore) -> None:
    response = await client.get("/.well-known/jwks.json")
    assert response.json() == {"keys": [core.signer.public()]}
    assert response.headers["content-type"] == "application/json"


async def test_the_root_leads_somewhere(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/docs")
