"""Tell of devices as they come and go, until interrupted: python examples/presence.py"""

import asyncio
import os

import grpc.aio

from trunkline.client.client import Client
from trunkline.contract.errors import TrunklineError
from trunkline.contract.status import error_of
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2 import LoginRequest

TARGET = os.environ.get("TRUNKLINE_GRPC", "localhost:9090")


async def watch(client: Client) -> None:
    login = await client.identity.Login(LoginRequest(email="tenant@thingsboard.org", password="tenant"))
    client.use_token(login.tokens.access_token)
    async for update in client.watch_presence():
        for device in update.devices:
            state = "gone" if device.deleted else "connected" if device.presence.connected else "away"
            print(device.device_id, state, "active" if device.presence.active else "inactive", flush=True)


async def main() -> None:
    async with Client.connect(TARGET) as client:
        while True:
            try:
                await watch(client)
            except (TrunklineError, grpc.aio.AioRpcError) as ended:  # begin anew: first comes how things stand then
                error = ended if isinstance(ended, TrunklineError) else error_of(ended)
                if error.reason not in (
                    ErrorReason.ERROR_REASON_CORE_UNAVAILABLE,
                    ErrorReason.ERROR_REASON_TOKEN_EXPIRED,
                ):
                    raise
                await asyncio.sleep(1)


asyncio.run(main())
