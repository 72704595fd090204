"""Calls from the server to devices, on every topic family, protocol version and quality of service."""

import asyncio
import uuid
from collections.abc import Callable

import pytest
from doubles.mqtt_device import MqttDevice
from system.scenarios.clients import V3, V5, Gmqtt, Message, Paho
from system.scenarios.conftest import Device, NewClient, Stack

V1, V2, V2_JSON = "v1/devices/me/rpc/request/", "v2/r/req/", "v2/r/req/j/"
ANSWER_TO = {V1: "v1/devices/me/rpc/response/", V2: "v2/r/res/", V2_JSON: "v2/r/res/j/"}
REPLY = b'{"value1":"A","value2":"B"}'
PIN = {"pin": "23", "value": 1}

MQTT_JSON = {
    "type": "DEFAULT",
    "transportType": "MQTT",
    "profileData": {
        "configuration": {"type": "DEFAULT"},
        "transportConfiguration": {
            "type": "MQTT",
            "transportPayloadTypeConfiguration": {"transportPayloadType": "JSON"},
        },
    },
}

Raw = Callable[..., MqttDevice]


@pytest.fixture(params=["default", "mqtt-json"])
def device(request: pytest.FixtureRequest, stack: Stack) -> Device:
    """A device of the default profile, or of one that says MQTT and JSON."""
    if request.param == "default":
        return stack.device()
    name = f"calls-{uuid.uuid4()}"
    answer = stack.http.post("/api/deviceProfile", json={"name": name, **MQTT_JSON})
    assert answer.status_code == 200, answer.text
    return stack.device(deviceProfileId=answer.json()["id"])


async def subscribed(
    stack: Stack, device: Device, client: NewClient, family: str, *, level: int = V3, qos: int = 0
) -> Paho | Gmqtt:
    one = client(level)
    assert await one.connect(stack.mqtt_port, device.token) == 0
    assert list(await one.subscribe(f"{family}+", qos)) == [qos]
    return one


async def check_oneway(stack: Stack, device: Device, one: Paho | Gmqtt, family: str) -> None:
    answer = await stack.oneway(device, "setGpio", PIN)
    assert (answer.status_code, answer.content) == (200, b"")
    message = await one.messages.get()
    request_id = message.topic.removeprefix(family)
    assert 0 < int(request_id) < 2**31
    assert (message.payload, message.qos) == (b'{"method":"setGpio","params":{"pin":"23","value":1}}', 0)


async def check_twoway(stack: Stack, device: Device, one: Paho | Gmqtt, family: str) -> Message:
    call = asyncio.create_task(stack.twoway(device, "setGpio", {"pin": "26", "value": 1}))
    message = await one.messages.get()
    await one.publish(ANSWER_TO[family] + message.topic.removeprefix(family), REPLY)
    answer = await call
    assert (answer.status_code, answer.content) == (200, REPLY)
    return message


@pytest.mark.parametrize("kind", ["oneway", "twoway"], ids=["026", "027"])
async def test_an_offline_device_times_out_with_504(stack: Stack, kind: str) -> None:
    device = stack.device()
    call = stack.oneway if kind == "oneway" else stack.twoway
    answer = await call(device, "setGpio", {"pin": "24", "value": 1}, timeout=6000)
    assert (answer.status_code, answer.content) == (504, b"")


@pytest.mark.parametrize("kind", ["oneway", "twoway"], ids=["028", "029"])
async def test_an_unknown_device_is_404(stack: Stack, kind: str) -> None:
    call = stack.oneway if kind == "oneway" else stack.twoway
    answer = await call(Device(str(uuid.uuid4()), ""))
    assert answer.status_code == 404
    assert answer.json()["message"] == "Device with requested id wasn't found!"


@pytest.mark.parametrize("family", [V1, V2, V2_JSON], ids=["030", "031", "032"])
async def test_v3_a_one_way_call(stack: Stack, device: Device, client: NewClient, family: str) -> None:
    await check_oneway(stack, device, await subscribed(stack, device, client, family), family)


@pytest.mark.parametrize("family", [V1, V2, V2_JSON], ids=["033", "034", "035"])
async def test_v3_a_two_way_call(stack: Stack, device: Device, client: NewClient, family: str) -> None:
    await check_twoway(stack, device, await subscribed(stack, device, client, family), family)


async def test_041_v5_a_one_way_call(stack: Stack, device: Device, client: NewClient) -> None:
    await check_oneway(stack, device, await subscribed(stack, device, client, V1, level=V5), V1)


async def test_042_v5_a_two_way_call_at_qos_1(stack: Stack, device: Device, client: NewClient) -> None:
    message = await check_twoway(stack, device, await subscribed(stack, device, client, V1, level=V5, qos=1), V1)
    assert message.qos == 1


async def test_043_the_body_is_the_callers_byte_for_byte(stack: Stack, device: Device, client: NewClient) -> None:
    one = await subscribed(stack, device, client, V1, qos=1)
    call = asyncio.create_task(stack.twoway(device, "getValue", True))
    message = await one.messages.get()
    assert message.payload == b'{"method":"getValue","params":true}'
    await one.publish(ANSWER_TO[V1] + message.topic.removeprefix(V1), b'{"response":"someResponse"}')
    assert (await call).json() == {"response": "someResponse"}


@pytest.mark.parametrize(("size", "status"), [(1024 * 1024, 504), (1024 * 1024 + 1, 413)])
async def test_089_a_body_beyond_the_limit_is_413_and_one_at_the_limit_is_not(
    stack: Stack, size: int, status: int
) -> None:
    start, end = '{"method":"m","failFast":true,"params":"', '"}'
    body = start + "x" * (size - len(start) - len(end)) + end
    path = f"/api/rpc/oneway/{stack.device().id}"
    assert (await asyncio.to_thread(stack.http.post, path, content=body)).status_code == status


async def test_111_a_reply_at_qos_2_is_acknowledged_as_qos_1(stack: Stack, device: Device, raw: Raw) -> None:
    one = raw(qos=0)
    assert await one.connect(device.token)
    await one.subscribe()
    call = asyncio.create_task(stack.twoway(device))
    received = await one.receive()
    packet_id = one.publish(f"{ANSWER_TO[V1]}{received.request_id}", REPLY, qos=2)
    assert (await one.expect(4))[:2] == packet_id.to_bytes(2, "big")
    answer = await call
    assert (answer.status_code, answer.content) == (200, REPLY)


async def test_113_an_empty_reply_is_an_empty_200(stack: Stack, device: Device, client: NewClient) -> None:
    one = await subscribed(stack, device, client, V1)
    call = asyncio.create_task(stack.twoway(device))
    message = await one.messages.get()
    await one.publish(ANSWER_TO[V1] + message.topic.removeprefix(V1), b"")
    answer = await call
    assert (answer.status_code, answer.content) == (200, b"")


async def test_115_a_one_way_call_does_not_wait_for_the_puback(stack: Stack, device: Device, raw: Raw) -> None:
    one = raw(qos=1)
    assert await one.connect(device.token)
    await one.subscribe()
    answer = await stack.oneway(device)
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await one.receive()).method == "setGpio"  # and only now it is acknowledged
