"""The least MQTT server that devices can talk to: it lets tokens in, grants subscriptions, and publishes as told."""

import asyncio
from typing import Self

from trunkline.transports.endpoints.mqtt.packets import (
    CONNECT,
    PINGREQ,
    PUBACK,
    PUBLISH,
    SUBSCRIBE,
    V3_1_1,
    Connect,
    Publish,
    connack,
    decode_connect,
    decode_puback,
    decode_publish,
    decode_subscribe,
    publish,
    split_packets,
    suback,
)


class MqttServer:
    """A server on a free loopback port; `refused` tokens get return code 5, `codes` answer subscriptions."""

    def __init__(self, refused: tuple[str, ...] = (), codes: bytes = b"\1") -> None:
        self.port: int
        self.devices: dict[str, asyncio.StreamWriter] = {}
        """Those subscribed, by access token."""
        self.arrived: asyncio.Queue[str] = asyncio.Queue()
        """Access tokens in the order in which they subscribed."""
        self.connects: list[Connect] = []
        self.published: asyncio.Queue[Publish] = asyncio.Queue()
        self.acknowledged: asyncio.Queue[int] = asyncio.Queue()
        self.pings: asyncio.Queue[str] = asyncio.Queue()
        self._refused = refused
        self._codes = codes
        self._server: asyncio.Server
        self._ended: asyncio.Queue[None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for token in list(self.devices):
            self.drop(token)
        for _connection in self.connects:
            await self._ended.get()

    def drop(self, token: str) -> None:
        """Cut one device's connection."""
        self.devices.pop(token).close()

    def call(self, token: str, request_id: int, payload: bytes, qos: int = 0, packet_id: int = 0) -> None:
        """Publish one call to a device."""
        topic = b"v1/devices/me/rpc/request/%d" % request_id
        self.devices[token].write(publish(V3_1_1, topic, payload, qos, packet_id))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        token, rest = "", b""
        while data := await _read(reader):
            packets, rest = split_packets(rest + data)
            for first, body in packets:
                kind = first >> 4
                if kind == CONNECT:
                    connect = decode_connect(body)
                    self.connects.append(connect)
                    token = connect.user_name or ""
                    writer.write(connack(V3_1_1, 5 if token in self._refused else 0))
                elif kind == SUBSCRIBE:
                    writer.write(suback(V3_1_1, decode_subscribe(body, V3_1_1).packet_id, self._codes))
                    self.devices[token] = writer
                    self.arrived.put_nowait(token)
                elif kind == PUBLISH:
                    self.published.put_nowait(decode_publish(first, body, V3_1_1))
                elif kind == PUBACK:
                    self.acknowledged.put_nowait(decode_puback(body, V3_1_1)[0])
                elif kind == PINGREQ:
                    self.pings.put_nowait(token)
        writer.close()
        self._ended.put_nowait(None)


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except ConnectionError:
        return b""
