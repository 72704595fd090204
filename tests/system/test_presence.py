"""Presence on the real thing: what is told of devices while parts are killed under them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import psutil
import pytest
from system.paho_device import paho_device
from system.runners import Served, serve

from trunkline.client.client import Client
from trunkline.v1.device_pb2 import Presence
from trunkline.v1.device_service_pb2 import GetDeviceRequest
from trunkline.v1.identity_service_pb2 import LoginRequest

NAME = "Test Device A1"
TOKEN = "A1_TEST_TOKEN"
WITHIN_S = 30.0

pytestmark = pytest.mark.long


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Served]:
    with serve("parts", tmp_path / "data") as served:
        yield served


def kill(served: Served, name: str) -> None:
    """End a part with SIGKILL."""
    (found,) = [child for child in psutil.Process(served.process.pid).children() if child.cmdline()[-1] == name]
    found.kill()


@asynccontextmanager
async def watching(served: Served) -> AsyncIterator[tuple[Client, AsyncIterator[Presence]]]:
    """A tenant's client, and what it is told of the device, anew after each break of the stream."""
    async with asyncio.timeout(WITHIN_S), Client.connect(served.grpc) as client:
        login = await client.identity.Login(LoginRequest(email="tenant@thingsboard.org", password="tenant"))
        client.use_token(login.tokens.access_token)
        device = (await client.devices.GetDevice(GetDeviceRequest(name=NAME))).device
        updates = client.watch_presence([device.id])
        yield client, (told.presence async for update in updates for told in update.devices)
        await updates.aclose()


async def test_a_killed_worker_takes_its_devices_along_and_they_come_back(parts: Served) -> None:
    with paho_device(parts.mqtt_port, TOKEN):
        async with watching(parts) as (_, told):
            assert (await anext(told)).connected
            kill(parts, "mqtt")
            away = await anext(told)
            assert (away.connected, away.active) == (False, True)
            back = await anext(told)
            assert back.connected
            assert back.last_connect_time.ToMilliseconds() >= back.last_disconnect_time.ToMilliseconds() > 0


async def test_a_killed_core_forgets_nobody(parts: Served) -> None:
    with paho_device(parts.mqtt_port, TOKEN):
        async with watching(parts) as (client, told):
            before = await anext(told)
            await asyncio.sleep(1)  # what happened is written behind, within half a second
            kill(parts, "core")
            while True:
                try:
                    device = (await client.devices.GetDevice(GetDeviceRequest(name=NAME), wait_for_ready=True)).device
                    break
                except grpc.aio.AioRpcError:  # by the core that is gone
                    continue
            assert device.presence.connected
            assert device.presence.last_connect_time == before.last_connect_time
            assert not device.presence.HasField("last_disconnect_time")
