"""A facade over a recording core, spoken to through HTTP."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from doubles.recording_core import RecordingCore

from trunkline.facade.app import create_app
from trunkline.facade.core_connection import CoreConnection, core_connection
from trunkline.facade.settings import FacadeSettings


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[RecordingCore]:
    async with RecordingCore(tmp_path) as core:
        yield core


@pytest.fixture
def settings(tmp_path: Path) -> FacadeSettings:
    return FacadeSettings(data_dir=tmp_path, port=0, metrics_port=0, drain_grace_s=0.1)


@pytest.fixture
async def connection(core: RecordingCore, settings: FacadeSettings) -> AsyncIterator[CoreConnection]:
    async with core_connection(settings) as connection:
        connected = asyncio.Event()
        connection.calls.on_connection = lambda _: connected.set()
        async with asyncio.timeout(10):
            await connected.wait()
        yield connection


@pytest.fixture
async def client(connection: CoreConnection, settings: FacadeSettings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(connection, settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://trunkline") as client:
        yield client


@pytest.fixture
def bearer(core: RecordingCore) -> dict[str, str]:
    """Headers of a tenant administrator."""
    return {"X-Authorization": f"Bearer {core.signer.sign()}"}
