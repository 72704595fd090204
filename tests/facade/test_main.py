"""The facade as a server: ports, a core that is not there yet, and a drain that leaves no caller without an answer."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from doubles.recording_core import DEVICE, RecordingCore
from prometheus_client import CollectorRegistry, generate_latest

from trunkline.contract.errors import TrunklineError
from trunkline.contract.metadata import SECRET_FILE
from trunkline.facade import main
from trunkline.facade.main import FacadeServer
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.error_pb2 import ErrorReason


@pytest.fixture
async def server(core: RecordingCore, settings: FacadeSettings) -> AsyncIterator[FacadeServer]:
    server = FacadeServer(settings)
    await server.start()
    yield server


def caller(server: FacadeServer, headers: dict[str, str]) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=headers)


def figures(server: FacadeServer) -> str:
    registry = CollectorRegistry()
    registry.register(server.counters)
    return generate_latest(registry).decode()


async def test_it_serves(server: FacadeServer, bearer: dict[str, str]) -> None:
    async with caller(server, bearer) as client:
        response = await client.post(f"/api/rpc/twoway/{DEVICE}", content=b'{"method":"m"}')
        assert response.json() == {"ok": True}
        assert "server" not in response.headers
        assert 'trunkline_facade_calls_total{cause="",kind="TWO_WAY",outcome="SUCCEEDED"} 1.0' in figures(server)
    await server.drain()


async def test_a_drain_answers_who_still_waits(
    server: FacadeServer, core: RecordingCore, bearer: dict[str, str]
) -> None:
    core.answer = lambda call: None
    async with asyncio.timeout(10), caller(server, bearer) as client, asyncio.TaskGroup() as tasks:
        waiting = [
            tasks.create_task(client.post(f"{base}/twoway/{DEVICE}", content=b'{"method":"m","timeout":60000}'))
            for base in ("/api/plugins/rpc", "/api/rpc")
        ]
        for _ in waiting:
            await core.calls.get()
        await server.drain()
    assert [task.result().status_code for task in waiting] == [408, 504]
    assert {task.result().headers["trunkline-cause"] for task in waiting} == {"CORE_LOST"}
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_taken_port(core: RecordingCore, settings: FacadeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            await FacadeServer(settings.model_copy(update={"port": port})).start()


async def test_it_waits_for_the_cores_first_start(
    core: RecordingCore, settings: FacadeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "CORE_LOOK_S", 0.001)
    secret = (tmp_path / SECRET_FILE).read_text()
    (tmp_path / SECRET_FILE).unlink()
    server = FacadeServer(settings)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(server.start())
        await asyncio.sleep(0)
        assert server.port
        assert not starting.done()
        (tmp_path / SECRET_FILE).write_text(secret)
    await server.drain()


async def test_giving_up_while_waiting_frees_the_port(settings: FacadeSettings) -> None:
    server = FacadeServer(settings)
    starting = asyncio.create_task(server.start())
    await asyncio.sleep(0)
    assert server.port
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    socket.create_server(("127.0.0.1", server.port)).close()


async def test_a_core_that_refuses_the_secret_ends_it(
    core: RecordingCore, settings: FacadeSettings, tmp_path: Path, bearer: dict[str, str]
) -> None:
    (tmp_path / SECRET_FILE).write_text("wrong")
    server = FacadeServer(settings)
    async with asyncio.timeout(10):
        await server.start()
        with pytest.raises(TrunklineError) as caught:
            await server.ended()
        assert caught.value.reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
        async with caller(server, bearer) as client:
            body = {"method": "m", "requestUUID": DEVICE}
            response = await client.post(f"/api/rpc/twoway/{DEVICE}", json=body)
            assert response.status_code == 503  # the caller's token is good
            assert response.headers["trunkline-call-id"] == DEVICE
        await server.drain()


async def test_it_says_when_the_system_allows_fewer_connections(
    core: RecordingCore, settings: FacadeSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(main, "allow_open_files", lambda: 1024)
    server = FacadeServer(settings)
    await server.start()
    await server.drain()
    assert "few_open_files" in caplog.text
