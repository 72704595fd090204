"""Two MQTT libraries behind one face, so that each scenario is shown to both."""

import asyncio
import logging
import struct
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import gmqtt  # type: ignore[import-untyped]  # it ships no types
import paho.mqtt.client as paho
from gmqtt.mqtt.constants import MQTTv50, MQTTv311  # type: ignore[import-untyped]
from gmqtt.mqtt.handler import MQTTConnectError  # type: ignore[import-untyped]
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

logging.getLogger("gmqtt").setLevel(logging.ERROR)

V3: Final = 4
V5: Final = 5

_RETURN_CODES: Final = {132: 1, 133: 2, 136: 3, 134: 4, 135: 5}
"""What paho makes of the return codes of MQTT 3, the other way round."""


class Message(NamedTuple):
    topic: str
    payload: bytes
    qos: int


class Client(Protocol):
    """One connection of a device. Codes are those of the packets: MQTT 3 return codes, MQTT 5 reason codes."""

    messages: asyncio.Queue[Message]
    closed: asyncio.Future[int]
    """Done once the server ended the connection: the DISCONNECT's code, -1 where none came."""

    async def connect(
        self, port: int, token: str | None = None, client_id: str = "", password: str | None = None, clean: bool = True
    ) -> int: ...

    async def subscribe(self, topic: str, qos: int = 1) -> Sequence[int]: ...

    async def unsubscribe(self, topic: str) -> Sequence[int]: ...

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> int:
        """The PUBACK's code, always 0 in MQTT 3; at once for QoS 0."""
        ...

    async def leave(self) -> None: ...


class Paho:
    """paho-mqtt, on its own thread."""

    def __init__(self, level: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._level = level
        self._client: paho.Client
        self._answers: dict[tuple[str, int], asyncio.Future[list[int]]] = {}
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.closed: asyncio.Future[int] = self._loop.create_future()
        self.session_present = False

    async def connect(
        self, port: int, token: str | None = None, client_id: str = "", password: str | None = None, clean: bool = True
    ) -> int:
        protocol = MQTTProtocolVersion(self._level)
        client = self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=protocol,
            clean_session=clean if self._level == V3 else None,
            reconnect_on_failure=False,
        )
        if token is not None or password is not None:
            client.username_pw_set(token, password)
        client.on_connect = self._on_connect
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._tell("subscribe", mid, self._plain(codes))
        client.on_unsubscribe = lambda _c, _u, mid, codes, _p: self._tell("unsubscribe", mid, self._plain(codes))
        client.on_publish = lambda _c, _u, mid, code, _p: self._tell("publish", mid, [code.value])
        client.on_message = lambda _c, _u, message: self._call(
            self.messages.put_nowait, Message(message.topic, bytes(message.payload), message.qos)
        )
        client.on_disconnect = self._on_disconnect
        answer = self._expect("connect", 0)
        await asyncio.to_thread(client.connect, "127.0.0.1", port)
        client.loop_start()
        return (await answer)[0]

    async def subscribe(self, topic: str, qos: int = 1) -> Sequence[int]:
        return await self._ask("subscribe", lambda: self._client.subscribe(topic, qos)[1])

    async def unsubscribe(self, topic: str) -> Sequence[int]:
        return await self._ask("unsubscribe", lambda: self._client.unsubscribe(topic)[1])

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> int:
        return (await self._ask("publish", lambda: self._client.publish(topic, payload, qos).mid))[0]

    async def leave(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        if (socket := self._client.socket()) is not None:  # left behind where both sides ended it at once
            socket.close()

    def _on_connect(self, _client: object, _user: object, flags: Any, code: ReasonCode, _properties: object) -> None:
        self.session_present = flags.session_present
        value = code.value if self._level == V5 else _RETURN_CODES.get(code.value, code.value)
        self._tell("connect", 0, [value])

    def _on_disconnect(self, _client: object, _user: object, flags: Any, code: ReasonCode, _properties: object) -> None:
        self._call(self._over, code.value if flags.is_disconnect_packet_from_server else -1)

    def _over(self, code: int) -> None:
        if not self.closed.done():
            self.closed.set_result(code)

    def _plain(self, codes: Any) -> list[int]:
        return [code.value for code in (codes if isinstance(codes, list) else [codes])]

    async def _ask(self, kind: str, ask: Any) -> list[int]:
        mid = ask()
        return await self._expect(kind, mid)

    def _expect(self, kind: str, mid: int) -> asyncio.Future[list[int]]:
        return self._answers.setdefault((kind, mid), self._loop.create_future())

    def _tell(self, kind: str, mid: int, codes: list[int]) -> None:
        def told() -> None:
            answer = self._expect(kind, mid)
            if not answer.done():
                answer.set_result(codes)

        self._call(told)

    def _call(self, callback: Any, *values: object) -> None:
        self._loop.call_soon_threadsafe(callback, *values)


class Gmqtt:
    """gmqtt, on the test's loop."""

    def __init__(self, level: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._level = level
        self._client: Any = None
        self._answers: dict[tuple[str, int], asyncio.Future[list[int]]] = {}
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.closed: asyncio.Future[int] = self._loop.create_future()
        self.session_present = False

    async def connect(
        self, port: int, token: str | None = None, client_id: str = "", password: str | None = None, clean: bool = True
    ) -> int:
        client = self._client = gmqtt.Client(client_id, clean_session=clean)
        client.set_config({"reconnect_retries": 0})
        client._client_id = client_id  # it makes one up where there is none
        if token is not None:
            client.set_auth_credentials(token, password)
        handler: Any = client._package_handler  # the library tells neither the codes of PUBACK nor those of DISCONNECT
        client.on_connect = lambda _c, flags, _rc, _p: setattr(self, "session_present", bool(flags))
        client.on_subscribe = lambda _c, mid, codes, _p: self._tell("subscribe", mid, list(codes))
        client.on_unsubscribe = lambda _c, mid, codes, *_: self._tell("unsubscribe", mid, list(codes))
        client.on_message = lambda _c, topic, payload, qos, _p: self.messages.put_nowait(Message(topic, payload, qos))
        handler._handle_puback_packet = partial(self._acknowledged, handler._handle_puback_packet)
        handler._handle_disconnect_packet = partial(self._disconnected, handler._handle_disconnect_packet)
        version = MQTTv50 if self._level == V5 else MQTTv311
        try:
            await client.connect("127.0.0.1", port, version=version)
        except MQTTConnectError as error:
            return int(error._code)
        return 0

    async def subscribe(self, topic: str, qos: int = 1) -> Sequence[int]:
        return await self._expect("subscribe", self._client.subscribe(topic, qos=qos))

    async def unsubscribe(self, topic: str) -> Sequence[int]:
        return await self._expect("unsubscribe", self._client.unsubscribe(topic))

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> int:
        mid = self._client._connection.publish(gmqtt.Message(topic, payload, qos=qos))[0]
        return (await self._expect("publish", mid))[0] if qos else 0

    async def leave(self) -> None:
        await self._client.disconnect()

    def _acknowledged(self, handle: Any, command: int, packet: bytes) -> None:
        self._tell("publish", struct.unpack("!H", packet[:2])[0], [packet[2] if len(packet) > 2 else 0])
        handle(command, packet)

    def _disconnected(self, handle: Any, command: int, packet: bytes) -> None:
        if not self.closed.done():
            self.closed.set_result(packet[0] if packet else -1)
        handle(command, packet)

    def _expect(self, kind: str, mid: int) -> asyncio.Future[list[int]]:
        return self._answers.setdefault((kind, mid), self._loop.create_future())

    def _tell(self, kind: str, mid: int, codes: list[int]) -> None:
        answer = self._expect(kind, mid)
        if not answer.done():
            answer.set_result(codes)


LIBRARIES: Final[dict[str, type[Paho] | type[Gmqtt]]] = {"paho": Paho, "gmqtt": Gmqtt}
