"""A device that speaks MQTT packet by packet, so that a test can also send what no library would."""

import asyncio
import json
import ssl
from typing import Self

from trunkline.transports.conformance import ReceivedCall
from trunkline.transports.endpoints.mqtt import packets


class MqttDevice:
    """One connection. `level` is the protocol level, `qos` that of its subscription and its replies."""

    def __init__(
        self, port: int, *, level: int = packets.V3_1_1, qos: int = 1, tls: ssl.SSLContext | None = None
    ) -> None:
        self.level = level
        self._port = port
        self._qos = qos
        self._tls = tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._packet_id = 0
        self._confirmed = 0
        """PUBACKs read."""
        self._writes = True

    async def open(self) -> Self:
        """Connect the socket, and nothing more."""
        self._streams = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)
        return self

    def send(self, *parts: bytes) -> None:
        """Send bytes, whatever they are. ConnectionError if the server has ended the connection."""
        assert self._streams is not None
        if self._streams[1].is_closing():  # where uvloop would raise a RuntimeError
            raise ConnectionResetError
        self._streams[1].write(b"".join(parts))

    async def read(self) -> tuple[int, bytes]:
        """The next packet: its first byte and its body. IncompleteReadError once the connection is closed."""
        assert self._streams is not None
        reader = self._streams[0]
        head = await reader.readexactly(2)
        while (place := packets.packet_at(head, 0)) is None:
            head += await reader.readexactly(1)
        body = await reader.readexactly(place[1] - place[0]) if place[1] > len(head) else b""
        self._confirmed += head[0] >> 4 == packets.PUBACK
        return head[0], body

    async def expect(self, kind: int) -> bytes:
        """The body of the next packet, which must be of this kind."""
        first, body = await self.read()
        assert first >> 4 == kind, f"packet kind {first >> 4} instead of {kind}"
        return body

    def next_id(self) -> int:
        """A fresh packet id."""
        self._packet_id += 1
        return self._packet_id

    async def connect(self, token: str | None, **options: object) -> bool:
        """CONNECT with the token as user name; whether CONNACK says success."""
        await self.open()
        self.send(packets.connect(self.level, "a-device", token, **options))  # type: ignore[arg-type]  # passed through
        return (await self.connack()).code == 0

    async def connack(self) -> packets.Connack:
        """The CONNACK that comes next."""
        return packets.decode_connack(await self.expect(packets.CONNACK), self.level)

    async def subscribe(self, topic: str = "v1/devices/me/rpc/request/+") -> None:
        """Subscribe to calls, or to another topic."""
        packet_id = self.next_id()
        self.send(packets.subscribe(self.level, packet_id, ((topic, self._qos),)))
        assert packets.decode_suback(await self.expect(packets.SUBACK), self.level) == (packet_id, bytes((self._qos,)))

    async def receive_publish(self) -> packets.Publish:
        """The next PUBLISH, acknowledged."""
        while True:
            first, body = await self.read()
            if first >> 4 == packets.PUBLISH:
                break
        published = packets.decode_publish(first, body, self.level)
        if published.packet_id:
            self.send(packets.puback(self.level, published.packet_id))
        return published

    async def receive(self) -> ReceivedCall:
        """The next call, acknowledged."""
        published = await self.receive_publish()
        prefix, _, request_id = published.topic.rpartition("/")
        assert prefix == "v1/devices/me/rpc/request"
        method = json.loads(published.payload)["method"]
        params = published.payload.partition(b'"params":')[2][:-1]
        return ReceivedCall(int(request_id), method, params)

    async def reply(self, request_id: int, payload: bytes) -> None:
        """Publish a reply."""
        self.publish(f"v1/devices/me/rpc/response/{request_id}", payload)

    def confirmed(self) -> int | None:
        """How many of its publishes were acknowledged, of what it has read; None at QoS 0."""
        return self._confirmed if self._qos else None

    def publish(self, topic: str, payload: bytes, qos: int | None = None) -> int:
        """Publish anything; returns the packet id, 0 at QoS 0."""
        qos = self._qos if qos is None else qos
        packet_id = self.next_id() if qos else 0
        self.send(packets.publish(self.level, topic.encode(), payload, qos, packet_id))
        return packet_id

    async def closed(self) -> None:
        """Read until the connection is closed."""
        try:
            while True:
                await self.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def half_close(self) -> None:
        """Send nothing any more, and go on reading."""
        assert self._streams is not None
        self._writes = False
        try:
            self._streams[1].write_eof()
        except (OSError, RuntimeError):
            pass  # the server was first; uvloop says so in its own way

    def cut(self) -> None:
        """Reset the connection, as a device that loses power does."""
        assert self._streams is not None
        self._streams[1].transport.abort()
        self._streams = None

    async def leave(self) -> None:
        """DISCONNECT and close."""
        if self._streams is None:
            return
        writer = self._streams[1]
        self._streams = None
        if self._writes and not writer.is_closing():
            writer.write(packets.disconnect(self.level))
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass  # the server was first
