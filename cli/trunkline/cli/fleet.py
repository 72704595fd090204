"""Many simulated MQTT devices on one event loop, as cheap as they get: real connections that answer every call.

The path of a call is written for speed (one pass over the bytes, one write for all that came together); all else uses
the codec. Devices speak MQTT 3.1.1 and ThingsBoard's v1 topics.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast

from trunkline.cli.behaviours import Answer, echo
from trunkline.transports.endpoints.mqtt.fields import varint
from trunkline.transports.endpoints.mqtt.packets import (
    CONNACK,
    PINGREQ_PACKET,
    PUBLISH,
    SUBACK,
    V3_1_1,
    connect,
    decode_connack,
    decode_suback,
    disconnect,
    packet_at,
    subscribe,
)

REQUEST_TOPIC: Final = b"v1/devices/me/rpc/request/"
RESPONSE_TOPIC: Final = b"v1/devices/me/rpc/response/"

CONNECT_TIMEOUT_S: Final = 30.0
RECONNECT_PAUSE_S: Final = 1.0
PING_PARTS: Final = 20

_BEFORE_NUMBER: Final = 2 + len(REQUEST_TOPIC)
_PUBACK: Final = b"\x40\x02"
_SERVER_UNAVAILABLE: Final = 3
_SUBSCRIPTION_REFUSED: Final = 0x80


class Refused(Exception):
    """The server refused a device for good: its access token is not valid."""


class Fleet:
    """Devices by access token. Counters for whoever shows or measures: `connected`, `calls`, `lost`, `refused`."""

    def __init__(
        self,
        host: str,
        port: int,
        access_tokens: Sequence[str],
        *,
        answers: Callable[[], Answer] = lambda: echo,
        delay_s: float = 0.0,
        qos: int = 0,
        keep_alive_s: int = 60,
    ) -> None:
        """`answers` is asked once for each device; replies are sent `delay_s` after their calls.

        `qos` 0 or 1 holds for calls and replies; `keep_alive_s` 0 sends no pings and asks the server for none.
        """
        self.connected = 0
        self.calls = 0
        self.lost = 0
        self.refused = 0
        self.delay_s = delay_s
        self.qos = qos
        self._address = (host, port)
        self._keep_alive_s = keep_alive_s
        self._devices = [_Device(self, token, answers()) for token in access_tokens]
        self._lost: deque[_Device] = deque()
        self._some_lost = asyncio.Event()
        self._open = 0
        self._all_closed = asyncio.Event()
        self._closing = False

    async def connect(self, at_once: int = 64) -> None:
        """Connect and subscribe all devices, `at_once` at a time.

        Raises an ExceptionGroup of Refused, OSError and TimeoutError as soon as one device cannot.
        """
        waiting = iter(self._devices)

        async def connector() -> None:
            for device in waiting:
                await self._connect(device)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(self._devices))):
                group.create_task(connector(), name="connect devices")

    async def stay_connected(self, at_once: int = 64) -> None:
        """Ping the server and bring lost devices back, until cancelled; those refused stay away."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reconnect(at_once), name="reconnect devices")
            if self._keep_alive_s:
                group.create_task(self._ping(), name="ping for devices")

    async def close(self) -> None:
        """Disconnect all devices; returns when their connections are closed."""
        self._closing = True
        for device in self._devices:
            device.leave()
        if self._open:
            await self._all_closed.wait()

    def opened(self) -> None:
        """A device has a connection."""
        self._open += 1

    def closed(self, device: "_Device", *, subscribed: bool) -> None:
        """A device's connection is gone; it is brought back if it had come as far as to subscribe."""
        self._open -= 1
        if not self._open:
            self._all_closed.set()
        if subscribed:
            self.connected -= 1
        if subscribed and not self._closing:
            self.lost += 1
            self._lost.append(device)
            self._some_lost.set()

    async def _connect(self, device: "_Device") -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            try:
                await loop.create_connection(lambda: device.begin(ready), *self._address)
                device.send(connect(V3_1_1, "", device.token, keep_alive_s=self._keep_alive_s))
                await ready
            except BaseException:
                device.leave()
                raise

    async def _reconnect(self, at_once: int) -> None:
        while True:
            await self._some_lost.wait()
            batch = [self._lost.popleft() for _ in range(min(at_once, len(self._lost)))]
            ends = await asyncio.gather(*map(self._connect, batch), return_exceptions=True)
            for device, end in zip(batch, ends, strict=True):
                if isinstance(end, Refused):
                    self.refused += 1
                elif end is not None:
                    self._lost.append(device)
            if any(isinstance(end, OSError) for end in ends):  # TimeoutError is one, too
                await asyncio.sleep(RECONNECT_PAUSE_S)  # the server is away: no need to knock at full speed
            if not self._lost:
                self._some_lost.clear()

    async def _ping(self) -> None:
        for part in itertools.cycle(range(PING_PARTS)):  # spread, so that the pings of thousands are no burst
            for device in self._devices[part::PING_PARTS]:
                device.send(PINGREQ_PACKET)
            await asyncio.sleep(self._keep_alive_s / 2 / PING_PARTS)


class _Device(asyncio.Protocol):
    """One device's connection; the same object over all its connections."""

    __slots__ = ("_answer", "_fleet", "_packet_id", "_ready", "_rest", "_subscribed", "_transport", "token")

    def __init__(self, fleet: Fleet, token: str, answer: Answer) -> None:
        self.token = token
        self._answer = answer
        self._fleet = fleet
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] | None = None
        self._rest = b""
        self._packet_id = 1
        self._subscribed = False

    def begin(self, ready: "asyncio.Future[None]") -> "_Device":
        """Start over for a new connection; `ready` is told when the device has subscribed or cannot."""
        self._ready = ready
        self._rest = b""
        self._subscribed = False
        return self

    def send(self, data: bytes) -> None:
        """Write, if there is a connection."""
        if self._transport is not None:
            self._transport.write(data)

    def leave(self) -> None:
        """Say goodbye and close."""
        if self._transport is not None:
            self._transport.write(disconnect(V3_1_1))
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._fleet.opened()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(exc or ConnectionResetError("the server closed the connection"))
        self._fleet.closed(self, subscribed=self._subscribed)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        fleet = self._fleet
        out: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if at + 1 < end and data[at + 1] < 0x80:
                body = at + 2
                stop = body + data[at + 1]
            else:
                place = packet_at(data, at)
                if place is None:
                    break
                body, stop = place
            if stop > end:
                break
            first = data[at]
            at = stop
            if first >> 4 != PUBLISH:
                self._control(first >> 4, data[body:stop])
                continue
            if not data.startswith(REQUEST_TOPIC, body + 2):
                continue
            payload = body + 2 + (data[body] << 8 | data[body + 1])
            number = data[body + _BEFORE_NUMBER : payload]
            if first & 0x06:
                out.append(_PUBACK + data[payload : payload + 2])
                payload += 2
            fleet.calls += 1
            reply = self._answer(data[payload:stop])
            if reply is None:
                continue
            if fleet.delay_s:
                asyncio.get_running_loop().call_later(fleet.delay_s, self._reply_late, number, reply)
            else:
                out.append(self._reply(number, reply))
        if at < end:
            self._rest = data[at:]
        if out and self._transport is not None:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _reply_late(self, number: bytes, reply: bytes) -> None:
        self.send(self._reply(number, reply))

    def _reply(self, number: bytes, reply: bytes) -> bytes:
        topic_length = len(RESPONSE_TOPIC) + len(number)
        length = 2 + topic_length + len(reply)
        if not self._fleet.qos:
            return b"\x30%b\0%c%b%b%b" % (varint(length), topic_length, RESPONSE_TOPIC, number, reply)
        self._packet_id = self._packet_id % 0xFFFF + 1
        packet_id = self._packet_id.to_bytes(2, "big")
        return b"\x32%b\0%c%b%b%b%b" % (varint(length + 2), topic_length, RESPONSE_TOPIC, number, packet_id, reply)

    def _control(self, kind: int, body: bytes) -> None:
        """CONNACK and SUBACK lead to the subscription; PINGRESP and PUBACK say nothing new."""
        if kind == CONNACK:
            code = decode_connack(body, V3_1_1).code
            if code == _SERVER_UNAVAILABLE:
                self._end(ConnectionRefusedError("the server is not available"))
            elif code:
                self._end(Refused(f"the server refused the access token {self.token} (return code {code})"))
            else:
                self.send(subscribe(V3_1_1, 1, ((f"{REQUEST_TOPIC.decode()}+", self._fleet.qos),)))
        elif kind == SUBACK:
            _, codes = decode_suback(body, V3_1_1)
            if codes[0] == _SUBSCRIPTION_REFUSED:
                self._end(Refused("the server refused the subscription to calls"))
            else:
                self._subscribed = True
                self._fleet.connected += 1
                self._end(None)

    def _end(self, error: Exception | None) -> None:
        ready, self._ready = self._ready, None
        if ready is None or ready.done():
            return
        if error is None:
            ready.set_result(None)
        else:
            ready.set_exception(error)
