import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.core_location import CoreLocation
from trunkline.contract.streams.pump import pump
from trunkline.contract.streams.wire import WireBroken
from trunkline.contract.streams.worker_end import Linked, WorkerEnd
from trunkline.core.main import Core
from trunkline.core.settings import CoreSettings
from trunkline.transports.core_connector import CoreConnector
from trunkline.v1.error_pb2 import ErrorReason

MAX_PARAMS_BYTES = 1024 * 1024


@asynccontextmanager
async def running_core(data_dir: Path) -> AsyncIterator[Core]:
    core = Core(CoreSettings.model_validate({"data_dir": data_dir, "grpc_port": 0}))
    await core.start()
    try:
        yield core
    finally:
        await core.drain()
        await core.close()


@asynccontextmanager
async def connector_on(data_dir: Path) -> AsyncIterator[CoreConnector]:
    connector = CoreConnector(CoreLocation(data_dir), max_params_bytes=MAX_PARAMS_BYTES)
    try:
        yield connector
    finally:
        await connector.close()


async def link(connector: CoreConnector) -> bytes:
    """The id of the core that welcomes a worker."""
    wire = await connector.connect()
    welcomed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    end = WorkerEnd("mqtt-1", "mqtt", b"i" * 16)

    def handle(effects: object) -> None:
        assert isinstance(effects, list)
        for effect in effects:
            if isinstance(effect, Linked):
                welcomed.set_result(effect.core_id)

    pumping = asyncio.ensure_future(pump(wire, end, handle, clock=monotonic_ms))
    try:
        async with asyncio.timeout(10):
            return await welcomed
    finally:
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
        await wire.close()


async def test_before_any_core_ran_there_is_nothing_to_connect_to(tmp_path: Path) -> None:
    async with connector_on(tmp_path) as connector:
        with pytest.raises(WireBroken, match=r"no core to be found yet.*part-secret") as caught:
            await connector.connect()
        assert caught.value.error.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE


async def test_it_finds_a_core_that_came_later_and_one_that_moved(tmp_path: Path) -> None:
    long = tmp_path / ("d" * 80)  # too long for a socket: each core puts it elsewhere, and says where
    async with connector_on(long) as connector:
        with pytest.raises(WireBroken):
            await connector.connect()
        async with running_core(long) as core:
            assert await link(connector) == core.core_id
            assert await link(connector) == core.core_id
        async with running_core(long) as core:
            assert await link(connector) == core.core_id


async def test_a_wrong_secret_is_refused(tmp_path: Path) -> None:
    async with running_core(tmp_path), connector_on(tmp_path) as connector:
        (tmp_path / "part-secret").chmod(0o600)
        (tmp_path / "part-secret").write_text("00" * 32)
        wire = await connector.connect()
        with pytest.raises(WireBroken) as caught:
            await wire.read()
        assert caught.value.error.reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
        await wire.close()
