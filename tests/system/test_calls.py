"""The main job on the real thing: REST calls reach devices of three MQTT libraries and both protocol versions."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import gmqtt  # type: ignore[import-untyped]  # it ships no types
import msgspec
import pytest
from aiomqtt import Client as AiomqttClient
from paho.mqtt.enums import MQTTProtocolVersion
from system.paho_device import TOPICS, paho_device
from system.rest_caller import RestCaller, rest_caller
from system.runners import Served

CALL = {"method": "setGpio", "params": {"pin": 7, "value": 1}}
PAYLOAD = b'{"method":"setGpio","params":{"pin":7,"value":1}}'
TOKEN = "A1_TEST_TOKEN"
NAME = "Test Device A1"


@pytest.fixture
def tenant(served: Served) -> Iterator[RestCaller]:
    with rest_caller(served.rest) as caller:
        yield caller


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("protocol", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5], ids=str)
def test_paho(served: Served, tenant: RestCaller, protocol: MQTTProtocolVersion, qos: int) -> None:
    device_id = tenant.device_id(NAME)
    with paho_device(served.mqtt_port, TOKEN, protocol=protocol, qos=qos) as calls:
        for v1 in (False, True):
            answer = tenant.twoway(device_id, CALL, v1=v1)
            assert (answer.status_code, answer.json()) == (200, {"did": "setGpio", "with": {"pin": 7, "value": 1}})
            assert answer.headers["Trunkline-Call-Id"]
            assert calls.get(timeout=10)[1] == PAYLOAD
            answer = tenant.oneway(device_id, CALL, v1=v1)
            assert (answer.status_code, answer.content) == (200, b"")
            assert calls.get(timeout=10)[1] == PAYLOAD


async def test_aiomqtt(served: Served, tenant: RestCaller) -> None:
    device_id = tenant.device_id(NAME)
    async with asyncio.timeout(30), AiomqttClient("127.0.0.1", served.mqtt_port, username=TOKEN) as device:
        await device.subscribe(TOPICS, qos=1)
        call = asyncio.create_task(asyncio.to_thread(tenant.twoway, device_id, CALL))
        async for message in device.messages:
            assert message.payload == PAYLOAD
            await device.publish(str(message.topic).replace("request", "response"), b"[1, 2.50]", qos=1)
            break
        answer = await call
    assert (answer.status_code, answer.content) == (200, b"[1, 2.50]")


async def test_gmqtt(served: Served, tenant: RestCaller) -> None:
    device_id = tenant.device_id(NAME)
    device = gmqtt.Client("", clean_session=True)
    device.set_auth_credentials(TOKEN)
    subscribed = asyncio.Event()

    def on_message(client: gmqtt.Client, topic: str, payload: bytes, qos: int, properties: object) -> int:
        client.publish(topic.replace("request", "response"), msgspec.json.encode({"got": payload.decode()}), qos=1)
        return 0

    device.on_message = on_message
    device.on_subscribe = lambda *_: subscribed.set()
    async with asyncio.timeout(30):
        await device.connect("127.0.0.1", served.mqtt_port, version=gmqtt.constants.MQTTv50)
        device.subscribe(TOPICS, qos=1)
        await subscribed.wait()
        answer = await asyncio.to_thread(tenant.twoway, device_id, CALL)
        await device.disconnect()
    assert (answer.status_code, answer.json()) == (200, {"got": PAYLOAD.decode()})


def test_a_device_that_comes_back_in_time_gets_its_call(served: Served, tenant: RestCaller) -> None:
    device_id = tenant.device_id("Test Device A2")
    with ThreadPoolExecutor() as pool:
        call = pool.submit(tenant.twoway, device_id, CALL)
        with paho_device(served.mqtt_port, "A2_TEST_TOKEN"):
            assert call.result(15).status_code == 200


@pytest.mark.parametrize(
    ("reply", "status"),
    [(b"", 200), (b"null", 200), (b'"on"', 200), (b"hello", 406)],
    ids=["empty", "null", "text", "no-json"],
)
def test_replies_go_back_as_they_came(served: Served, tenant: RestCaller, reply: bytes, status: int) -> None:
    device_id = tenant.device_id(NAME)
    with paho_device(served.mqtt_port, TOKEN, answer=lambda *_: reply):
        answer = tenant.twoway(device_id, CALL)
    assert answer.status_code == status
    if status == 200:
        assert answer.content == reply
    else:
        assert answer.headers["Trunkline-Cause"] == "REPLY_NOT_JSON"
        assert answer.json()["message"] == "hello"


def test_causes(served: Served, tenant: RestCaller) -> None:
    device_id = tenant.device_id("Test Device B1")
    offline = tenant.twoway(device_id, {**CALL, "failFast": True}, v1=True)
    assert (offline.status_code, offline.content, offline.headers["Trunkline-Cause"]) == (409, b"", "DEVICE_OFFLINE")
    late = tenant.oneway(device_id, {**CALL, "expirationTime": 1})
    assert (late.status_code, late.content, late.headers["Trunkline-Cause"]) == (504, b"", "EXPIRED_ON_ARRIVAL")
