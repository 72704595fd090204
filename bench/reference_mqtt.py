"""The reference for connections: a server that answers CONNECT with CONNACK and SUBSCRIBE with SUBACK, unseen."""

import asyncio
import sys

import uvloop

CONNACK = b"\x20\x02\x00\x00"


class Bare(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream's transport

    def data_received(self, data: bytes) -> None:
        kind = data[0] >> 4
        if kind == 1:
            self._transport.write(CONNACK)
        elif kind == 8:
            self._transport.write(b"\x90\x03" + data[2:4] + b"\x00")


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
