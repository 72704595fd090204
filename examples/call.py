"""One call to one device: python examples/call.py [DEVICE [METHOD [PARAMS]]]"""

import asyncio
import os
import sys

from trunkline.client.client import Client
from trunkline.contract.errors import TrunklineError, reason_name
from trunkline.v1.device_service_pb2 import GetDeviceRequest
from trunkline.v1.identity_service_pb2 import LoginRequest

TARGET = os.environ.get("TRUNKLINE_GRPC", "localhost:9090")


async def main(device: str = "Test Device A1", method: str = "setGpio", params: str = '{"pin":7,"value":1}') -> None:
    async with Client.connect(TARGET) as client:
        login = await client.identity.Login(LoginRequest(email="tenant@thingsboard.org", password="tenant"))
        client.use_token(login.tokens.access_token)
        found = await client.devices.GetDevice(GetDeviceRequest(name=device))
        try:
            reply = await client.call(found.device.id, method, params.encode(), timeout_ms=5000)
            print(reply.decode())
        except TrunklineError as error:  # whatever became of the call, if it did not succeed
            print(f"{reason_name(error.reason)}: {error.message} {error.metadata}")


asyncio.run(main(*sys.argv[1:]))
