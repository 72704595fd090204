"""Libraries that devices are written with, as their authors use them: paho-mqtt, gmqtt and aiomqtt."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiomqtt
import gmqtt  # type: ignore[import-untyped]  # it has no types
import paho.mqtt.client as paho
import pytest
from gmqtt.mqtt.constants import MQTTv50, MQTTv311  # type: ignore[import-untyped]  # as above
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from trunkline.contract.streams.frames import CloseSession, DeliveryReport, Disconnected, Reply, Subscribe
from trunkline.transports.endpoints.mqtt.server import MqttEndpoint
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.scripted_core import ScriptedCore
from trunkline.transports.worker import Worker
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DeliveryState, DisconnectCause

TOKEN = "a-token"
REQUESTS = "v1/devices/me/rpc/request/+"
SDK_FILTERS = [
    "v1/devices/me/attributes",
    "v1/devices/me/attributes/response/+",
    REQUESTS,
    "v1/devices/me/rpc/response/+",
]
"""What ThingsBoard's Python SDK subscribes to when it connects."""

VERSIONS = [MQTTProtocolVersion.MQTTv31, MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5]


class Stage(NamedTuple):
    core: ScriptedCore
    endpoint: MqttEndpoint


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    async with asyncio.timeout(20), ScriptedCore({TOKEN, "gateway"}) as core:
        endpoint = MqttEndpoint(MqttSettings(port=0))
        worker = Worker("mqtt", endpoint, core.connector, worker_id="mqtt-1", drain_grace_s=0.0)
        await worker.start()
        try:
            yield Stage(core, endpoint)
        finally:
            await worker.drain()


class Paho:
    """A paho client on its own thread; what happens to it comes as (name, values) on the test's loop."""

    def __init__(self, version: MQTTProtocolVersion, client_id: str = "") -> None:
        loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

        def happened(name: str, value: Any) -> None:
            loop.call_soon_threadsafe(self._events.put_nowait, (name, value))

        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version)
        self.client.on_connect = lambda client, data, flags, reason, properties: happened("connected", reason.value)
        self.client.on_subscribe = lambda client, data, mid, reasons, properties: happened(
            "subscribed", [reason.value for reason in reasons]
        )
        self.client.on_publish = lambda client, data, mid, reason, properties: happened("published", reason.value)
        self.client.on_message = lambda client, data, message: happened("message", (message.topic, message.payload))
        self.client.on_disconnect = lambda client, data, flags, reason, properties: happened(
            "disconnected", reason.value
        )

    async def connect(self, port: int, token: str = TOKEN) -> int:
        """Connect; the reason in CONNACK."""
        self.client.username_pw_set(token)
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()
        reason: int = await self.next("connected")
        return reason

    async def next(self, name: str) -> Any:
        """The value of the next event, which must be of this name."""
        happened, value = await self._events.get()
        assert happened == name, f"{happened} {value}"
        return value

    async def stop(self) -> None:
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)


@asynccontextmanager
async def paho_device(
    on: Stage, version: MQTTProtocolVersion, client_id: str = "", token: str = TOKEN
) -> AsyncIterator[Paho]:
    """A paho client that is connected."""
    device = Paho(version, client_id)
    try:
        assert await device.connect(on.endpoint.port, token) == 0
        yield device
    finally:
        await device.stop()


@pytest.mark.parametrize("version", VERSIONS)
async def test_paho_answers_a_call(version: MQTTProtocolVersion) -> None:
    async with stage() as on, paho_device(on, version, "a-device") as device:
        device.client.subscribe(REQUESTS, qos=1)
        assert await device.next("subscribed") == [1]
        session = (await on.core.hear(Subscribe)).session
        on.core.deliver(session, 1_048_577, "setGpio", b'{"pin":7}')
        topic, payload = await device.next("message")
        assert (topic, payload) == ("v1/devices/me/rpc/request/1048577", b'{"method":"setGpio","params":{"pin":7}}')
        device.client.publish(topic.replace("request", "response"), b'{"ok":true}', qos=1)
        assert await device.next("published") == 0
        assert (await on.core.hear(Reply)).payload == b'{"ok":true}'
        assert (await on.core.hear(DeliveryReport)).state == DeliveryState.DELIVERY_STATE_DELIVERED
        device.client.disconnect()
        assert (await on.core.hear(Disconnected)).cause == DisconnectCause.DISCONNECT_CAUSE_CLIENT


async def test_paho_and_gmqtt_hear_what_is_left_of_a_calls_time() -> None:
    call_id = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
    async with stage() as on, paho_device(on, MQTTProtocolVersion.MQTTv5) as device:
        heard: asyncio.Queue[tuple[int, list[tuple[str, str]]]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def paho_received(_client: object, _data: object, message: paho.MQTTMessage) -> None:
            told: Any = message.properties
            loop.call_soon_threadsafe(heard.put_nowait, (told.MessageExpiryInterval, told.UserProperty))

        def gmqtt_received(_client: object, _topic: str, _payload: bytes, _qos: int, told: Any) -> int:
            heard.put_nowait((told["message_expiry_interval"][0], told["user_property"]))
            return 0

        device.client.on_message = paho_received
        device.client.subscribe(REQUESTS, qos=1)
        client = gmqtt.Client("another")
        client.set_auth_credentials(TOKEN)
        client.on_message = gmqtt_received
        await client.connect("127.0.0.1", on.endpoint.port, version=MQTTv50)
        client.subscribe(REQUESTS, qos=1)
        for _ in range(2):
            session = (await on.core.hear(Subscribe)).session
            on.core.deliver(session, 1, timeout_ms=60_000, call_id=call_id.bytes)
            seconds, told = await heard.get()
            values = dict(told)
            assert seconds == 60
            assert values["trunkline-call-id"] == str(call_id)
            assert 59_000 < int(values["trunkline-remaining-ms"]) <= 60_000
        await client.disconnect()


@pytest.mark.parametrize("token", [TOKEN, "gateway"])
async def test_thingsboards_sdk_gets_what_it_asks_for_at_connect(token: str) -> None:
    async with stage() as on, paho_device(on, MQTTProtocolVersion.MQTTv5, token=token) as device:
        for name in SDK_FILTERS:
            device.client.subscribe(name, qos=1)
            assert await device.next("subscribed") == [1]
        device.client.publish(
            "v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits","params":{"timeout":5000}}', qos=1
        )
        assert await device.next("published") == 0
        topic, payload = await device.next("message")
        assert topic == "v1/devices/me/rpc/response/1"
        assert json.loads(payload)["maxInflightMessages"] == 100
        assert ("gatewayRateLimits" in json.loads(payload)) == (token == "gateway")
        device.client.publish("v1/devices/me/telemetry", b'[{"t":1}]', qos=1)
        assert await device.next("published") == 0


@pytest.mark.parametrize(("version", "reason"), [(VERSIONS[1], 135), (VERSIONS[2], 134)])
async def test_paho_is_told_of_a_wrong_token(version: MQTTProtocolVersion, reason: int) -> None:
    # paho shows MQTT 3's return code 5 as MQTT 5's "not authorized", 135.
    async with stage() as on:
        device = Paho(version)
        assert await device.connect(on.endpoint.port, "wrong") == reason
        await device.stop()


@pytest.mark.parametrize(("version", "reason"), [(VERSIONS[1], 128), (VERSIONS[2], 0x8E)])
async def test_paho_is_told_that_another_session_took_over(version: MQTTProtocolVersion, reason: int) -> None:
    async with stage() as on, paho_device(on, version) as device:
        device.client.subscribe(REQUESTS)
        await device.next("subscribed")
        session = (await on.core.hear(Subscribe)).session
        on.core.send(CloseSession(session, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED))
        assert await device.next("disconnected") == reason


@pytest.mark.parametrize("version", [MQTTv311, MQTTv50])
async def test_gmqtt_answers_a_call(version: int) -> None:
    async with stage() as on:
        client = gmqtt.Client("a-device")
        client.set_auth_credentials(TOKEN)
        subscribed, messages = asyncio.Event(), asyncio.Queue[tuple[str, bytes]]()
        client.on_subscribe = lambda client, mid, qos, properties: subscribed.set()

        def received(client: gmqtt.Client, topic: str, payload: bytes, qos: int, properties: object) -> int:
            messages.put_nowait((topic, payload))
            return 0

        client.on_message = received
        await client.connect("127.0.0.1", on.endpoint.port, version=version)
        client.subscribe(REQUESTS, qos=1)
        await subscribed.wait()
        session = (await on.core.hear(Subscribe)).session
        on.core.deliver(session, 1_048_577, "setGpio", b'{"pin":7}')
        topic, payload = await messages.get()
        assert (topic, payload) == ("v1/devices/me/rpc/request/1048577", b'{"method":"setGpio","params":{"pin":7}}')
        client.publish(topic.replace("request", "response"), b'{"ok":true}', qos=1)
        assert (await on.core.hear(Reply)).payload == b'{"ok":true}'
        assert (await on.core.hear(DeliveryReport)).state == DeliveryState.DELIVERY_STATE_DELIVERED
        await client.disconnect()
        await on.core.hear(Disconnected)


async def test_aiomqtt_answers_a_call() -> None:
    async with stage() as on:
        async with aiomqtt.Client("127.0.0.1", on.endpoint.port, username=TOKEN) as client:
            await client.subscribe(REQUESTS, qos=0)
            session = (await on.core.hear(Subscribe)).session
            on.core.deliver(session, 1_048_577)
            message = await anext(client.messages)
            assert json.loads(str(message.payload, "utf-8")) == {"method": "setGpio", "params": {"pin": 7}}
            await client.publish(str(message.topic).replace("request", "response"), b"7", qos=0)
            assert (await on.core.hear(Reply)).payload == b"7"
        await on.core.hear(Disconnected)
