"""Tell of every call as it changes, until interrupted: python examples/watch_calls.py"""

import asyncio
import os

import grpc.aio

from trunkline.client.client import Client
from trunkline.contract.errors import TrunklineError
from trunkline.contract.status import error_of
from trunkline.v1.call_pb2 import CallState
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2 import LoginRequest

TARGET = os.environ.get("TRUNKLINE_GRPC", "localhost:9090")


async def watch(client: Client, cursor: str) -> str:
    """Watch until the stream ends; where to go on."""
    try:
        login = await client.identity.Login(LoginRequest(email="tenant@thingsboard.org", password="tenant"))
        client.use_token(login.tokens.access_token)
        async for update in client.watch_calls(cursor, snapshot=True):
            for event in update.events:
                print(event.call_id, event.method, CallState.Name(event.state).removeprefix("CALL_STATE_"), flush=True)
            cursor = update.cursor
    except (TrunklineError, grpc.aio.AioRpcError) as ended:
        error = ended if isinstance(ended, TrunklineError) else error_of(ended)
        if error.reason not in (ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, ErrorReason.ERROR_REASON_TOKEN_EXPIRED):
            raise
    return cursor


async def main() -> None:
    async with Client.connect(TARGET) as client:
        cursor = ""
        while True:
            cursor = await watch(client, cursor)
            await asyncio.sleep(1)


asyncio.run(main())
