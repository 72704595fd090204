"""Many MQTT devices in a process of their own, since each needs a socket at both ends.

`python idle_devices.py PORT COUNT`: device N shows the token `device-N` and subscribes to calls; once all have, it says
`idle`. Every call is acknowledged and answered with `{}`. It goes when its input ends.
"""

import asyncio
import sys

from trunkline.contract.open_files import allow_open_files
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.packets import V3_1_1

AT_ONCE = 200


class IdleDevice(asyncio.Protocol):
    def __init__(self, token: str) -> None:
        self.subscribed = asyncio.Event()
        self._token = token
        self._rest = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(packets.connect(V3_1_1, self._token, self._token, keep_alive_s=0))
        transport.write(packets.subscribe(V3_1_1, 1, (("v1/devices/me/rpc/request/+", 1),)))

    def data_received(self, data: bytes) -> None:
        found, self._rest = packets.split_packets(self._rest + data)
        for first, body in found:
            match first >> 4:
                case packets.SUBACK:
                    self.subscribed.set()
                case packets.PUBLISH:
                    call = packets.decode_publish(first, body, V3_1_1)
                    self._transport.write(packets.puback(V3_1_1, call.packet_id))
                    reply = call.topic.replace("request", "response").encode()
                    self._transport.write(packets.publish(V3_1_1, reply, b"{}"))


async def main(port: int, count: int) -> None:
    allow_open_files()
    loop = asyncio.get_running_loop()
    for start in range(0, count, AT_ONCE):
        devices = [IdleDevice(f"device-{number}") for number in range(start, min(count, start + AT_ONCE))]
        for device in devices:
            await loop.create_connection(lambda device=device: device, "127.0.0.1", port)  # type: ignore[misc]  # bound
        for device in devices:
            await device.subscribed.wait()
    print("idle", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
