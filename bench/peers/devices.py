"""Devices of the peer: as lean as Trunkline's simulated ones, with topics of their own, as a broker needs them.

`devices.py PORT COUNT` says `connected` once all have subscribed, and answers each call with its own payload.
"""

import asyncio
import sys

import uvloop

from trunkline.transports.endpoints.mqtt.fields import varint
from trunkline.transports.endpoints.mqtt.packets import V3_1_1, connect, split_packets, subscribe


class Device(asyncio.Protocol):
    """One device's connection."""

    __slots__ = ("_number", "_ready", "_rest", "_transport")

    def __init__(self, number: int, ready: "asyncio.Future[None]") -> None:
        self._number = number
        self._ready = ready
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream's transport
        self._transport.write(connect(V3_1_1, f"device-{self._number}", "", keep_alive_s=0))
        self._transport.write(subscribe(V3_1_1, 1, ((f"devices/{self._number}/rpc/request/+", 0),)))

    def data_received(self, data: bytes) -> None:
        packets, self._rest = split_packets(self._rest + data)
        out = []
        for first, packet in packets:
            kind = first >> 4
            if kind == 9 and not self._ready.done():
                self._ready.set_result(None)
            elif kind == 3:
                topic_end = 2 + int.from_bytes(packet[:2])
                topic = packet[2:topic_end].replace(b"/request/", b"/response/")
                answer = len(topic).to_bytes(2) + topic + packet[topic_end:]
                out.append(b"\x30" + varint(len(answer)) + answer)
        if out:
            self._transport.write(b"".join(out))


async def main(port: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    for number in range(count):
        ready: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda n=number, r=ready: Device(n, r), "127.0.0.1", port)
        await ready
    print("connected", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
