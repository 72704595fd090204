"""Many calls at once on one stream: python examples/call_stream.py [DEVICE [COUNT]]"""

import asyncio
import json
import os
import sys

from trunkline.client.client import Client
from trunkline.contract import ids
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.device_service_pb2 import GetDeviceRequest
from trunkline.v1.identity_service_pb2 import LoginRequest

TARGET = os.environ.get("TRUNKLINE_GRPC", "localhost:9090")


async def main(device: str = "Test Device A1", count: str = "10") -> None:
    async with Client.connect(TARGET) as client:
        login = await client.identity.Login(LoginRequest(email="tenant@thingsboard.org", password="tenant"))
        client.use_token(login.tokens.access_token)
        found = await client.devices.GetDevice(GetDeviceRequest(name=device))
        device_id = ids.from_text(found.device.id)
        async with client.call_stream() as stream:
            every_params = [json.dumps({"pin": pin, "value": 1}).encode() for pin in range(int(count))]
            calls = [stream.call(device_id, "setGpio", params, timeout_ms=5000) for params in every_params]
            for result in await asyncio.gather(*calls):
                print(Outcome.Name(result.outcome).removeprefix("OUTCOME_"), result.payload.decode())


asyncio.run(main(*sys.argv[1:]))
