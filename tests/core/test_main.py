import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from doubles.calling_part import calling_part
from doubles.living_core import living_core, until
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import Deliver, Drain
from trunkline.contract.streams.wire import WireBroken
from trunkline.core.main import Core
from trunkline.core.settings import CoreSettings
from trunkline.v1.error_pb2 import Cause, ErrorReason


def settings(directory: Path, **values: Any) -> CoreSettings:
    return CoreSettings.model_validate({"data_dir": directory, "grpc_port": 0, "metrics_port": 0, **values})


@pytest.fixture
def taken() -> Any:
    """A port that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def store_threads() -> int:
    """Connections to a database: each is a thread that would keep the process alive."""
    return sum("_connection_worker" in thread.name for thread in threading.enumerate())


async def test_a_core_that_cannot_start_leaves_nothing_open(tmp_path: Path, taken: int) -> None:
    assert not store_threads()
    core = Core(settings(tmp_path, grpc_port=taken))
    with pytest.raises(OSError, match=str(taken)):
        await core.start()
    await until(lambda: not store_threads())
    again = Core(settings(tmp_path))
    await again.start()
    assert store_threads()
    await again.close()
    await until(lambda: not store_threads())


async def test_a_store_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "trunkline.db").write_text("no database")
    with pytest.raises(TrunklineError) as caught:
        await Core(settings(tmp_path)).start()
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE


async def test_epochs_grow_over_restarts(tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core("memory", tmp_path) as core:
        first = [core.core._next_epoch() for _ in range(3)]
        await core.stop()
        await core.start()
        assert first == sorted(first)
        assert core.core._next_epoch() > first[-1]


async def test_nobody_connects_to_a_core_that_has_ended_or_not_begun(tmp_path: Path) -> None:
    core = Core(settings(tmp_path, drain_grace_s=0.0))
    links, calls = core.link_connector(), core.caller_connector()
    for connector in (links, calls):
        with pytest.raises(WireBroken):
            await connector.connect()
    await core.start()
    wire = await links.connect()
    await core.close()
    assert await wire.read() is None
    with pytest.raises(WireBroken):
        await calls.connect()


async def test_a_drain_answers_callers_and_tells_workers(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(20),
        living_core("grpc", tmp_path) as core,
        ScriptedWorker(core.links()) as worker,
        calling_part(core.calls(), core.people.admin) as part,
    ):
        await worker.device("lamp")
        call = part.call(core.devices["lamp"])
        await worker.next(Deliver)
        await core.core.drain()
        assert (await call).cause == Cause.CAUSE_CORE_DRAINING
        await worker.next(Drain)
        late = part.call(core.devices["lamp"], timeout_ms=50)
        assert (await late).cause == Cause.CAUSE_STREAM_BROKEN


async def test_an_ended_core_leaves_no_timer(tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core("memory", tmp_path, suspension_ms=60_000) as core:
        async with ScriptedWorker(core.links()) as worker:
            await worker.device("lamp")
            await core.stop()
        assert core.core.links._links["worker-1"]._suspension is None
        assert all(timer.cancelled() for timer in core.core.links._forgetting.values())
