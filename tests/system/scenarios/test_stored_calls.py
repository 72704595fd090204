"""Persistent calls: queued for a device that is away, handed out in their turn, sent again, and read over REST."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from doubles.mqtt_device import MqttDevice
from system.rest_caller import rest_caller
from system.runners import serve
from system.scenarios.call_changes import call_changes
from system.scenarios.clients import V3, V5, Gmqtt, Message, Paho
from system.scenarios.conftest import Device, NewClient, Stack

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.fields import text

REQUEST, RESPONSE = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
REPLY = {"value1": "A", "value2": "B"}
ON_ACK, ON_RESPONSE = "SEQUENTIAL_ON_ACK_FROM_DEVICE", "SEQUENTIAL_ON_RESPONSE_FROM_DEVICE"
PIN = {"pin": "23", "value": 1}
BODY = b'{"method":"setGpio","params":{"pin":"23","value":1}}'
QUEUED = 10
DAY_MS = 24 * 3_600_000

Raw = Callable[..., MqttDevice]


def device_of_profile(stack: Stack, **settings: Any) -> Device:
    """A fresh device whose profile has these settings of ours."""
    profile = {"name": f"stored-{uuid.uuid4()}", "type": "DEFAULT", "transportType": "DEFAULT"}
    answer = stack.http.post("/api/deviceProfile", json=profile | {"profileData": {"trunkline": settings}})
    assert answer.status_code == 200, answer.text
    return stack.device(deviceProfileId=answer.json()["id"])


async def submitted(stack: Stack, device: Device, kind: str, method: str, params: Any, **fields: Any) -> str:
    """A persistent call; its id."""
    call = stack.twoway if kind == "twoway" else stack.oneway
    answer = await call(device, method, params, persistent=True, **fields)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["rpcId"]
    return str(answer.json()["rpcId"])


async def queued(stack: Stack, device: Device, kind: str) -> list[str]:
    """Calls for a device that is away, in this order."""
    return [
        await submitted(stack, device, kind, "test", number, expirationTime=int(time.time() * 1000) + DAY_MS)
        for number in range(QUEUED)
    ]


async def get(stack: Stack, path: str, **query: Any) -> httpx.Response:
    return await asyncio.to_thread(stack.http.get, path, params=query)


async def read(stack: Stack, rpc_id: str, wait_ms: int = 0) -> tuple[str, Any]:
    """Status and response of a call; with `wait_ms` once it ended."""
    answer = await get(stack, f"/api/rpc/persistent/{rpc_id}", waitMs=wait_ms)
    assert answer.status_code == 200, answer.text
    return answer.json()["status"], answer.json()["response"]


async def subscribed(stack: Stack, device: Device, client: NewClient, qos: int, level: int = V3) -> Paho | Gmqtt:
    one = client(level)
    assert await one.connect(stack.mqtt_port, device.token) == 0
    assert list(await one.subscribe(f"{REQUEST}+", qos)) == [qos]
    return one


async def answer(one: Paho | Gmqtt, message: Message, payload: bytes) -> None:
    await one.publish(RESPONSE + message.topic.removeprefix(REQUEST), payload)


@asynccontextmanager
async def hesitant(stack: Stack, device: Device, level: int) -> AsyncIterator[MqttDevice]:
    """The device, subscribed at QoS 1; it acknowledges only what the test has it acknowledge."""
    one = MqttDevice(stack.mqtt_port, level=level)
    try:
        assert await one.connect(device.token)
        await one.subscribe()
        yield one
    finally:
        await one.leave()


async def unacknowledged(one: MqttDevice) -> packets.Publish:
    """The next publish, which is left without its PUBACK."""
    while True:
        first, body = await one.read()
        if first >> 4 == packets.PUBLISH:
            return packets.decode_publish(first, body, one.level)


async def test_044_a_call_is_kept_with_its_reply(stack: Stack, device: Device, client: NewClient) -> None:
    one = await subscribed(stack, device, client, 1)
    rpc_id = await submitted(stack, device, "twoway", "getValue", True)
    message = await one.messages.get()
    assert message.payload == b'{"method":"getValue","params":true}'
    await answer(one, message, b'{"response":"someResponse"}')
    assert await read(stack, rpc_id, 30_000) == ("SUCCESSFUL", {"response": "someResponse"})
    listed = (await get(stack, f"/api/rpc/persistent/device/{device.id}", page=0, pageSize=10)).json()
    assert [(call["id"]["id"], call["response"]) for call in listed["data"]] == [(rpc_id, {"response": "someResponse"})]


@pytest.mark.parametrize(
    ("strategy", "kind", "qos"),
    [
        pytest.param(ON_ACK, "oneway", 0, id="045"),
        pytest.param(ON_ACK, "oneway", 1, id="046"),
        pytest.param(ON_ACK, "twoway", 0, id="047"),
        pytest.param(ON_ACK, "twoway", 1, id="048"),
        pytest.param(ON_RESPONSE, "oneway", 0, id="051"),
        pytest.param(ON_RESPONSE, "oneway", 1, id="052"),
        pytest.param(ON_RESPONSE, "twoway", 0, id="053"),
        pytest.param(ON_RESPONSE, "twoway", 1, id="054"),
    ],
)
async def test_queued_calls_come_in_their_order(
    stack: Stack, client: NewClient, strategy: str, kind: str, qos: int
) -> None:
    device = device_of_profile(stack, submitStrategy=strategy)
    async with asyncio.timeout(60):
        rpc_ids = await queued(stack, device, kind)
        one = await subscribed(stack, device, client, qos)
        for number in range(QUEUED):
            message = await one.messages.get()
            assert (message.payload, message.qos) == (b'{"method":"test","params":%d}' % number, qos)
            if kind == "twoway":
                await answer(one, message, json.dumps(REPLY).encode())
        for rpc_id in rpc_ids:
            expected = ("SUCCESSFUL", REPLY) if kind == "twoway" else ("DELIVERED", None)
            assert await read(stack, rpc_id, 30_000) == expected


@pytest.mark.parametrize(
    ("strategy", "qos"),
    [
        pytest.param(ON_ACK, 0, id="049"),
        pytest.param(ON_ACK, 1, id="050"),
        pytest.param(ON_RESPONSE, 0, id="055"),
        pytest.param(ON_RESPONSE, 1, id="056"),
    ],
)
async def test_each_waits_for_the_one_before(stack: Stack, raw: Raw, strategy: str, qos: int) -> None:
    """The device acknowledges by hand, and before it answers."""
    device = device_of_profile(stack, submitStrategy=strategy)
    one = raw(qos=qos)
    async with asyncio.timeout(60), call_changes(stack.http, device.id) as changes:
        rpc_ids = await queued(stack, device, "twoway")
        assert await one.connect(device.token)
        await one.subscribe()
        for number, rpc_id in enumerate(rpc_ids):
            call = await unacknowledged(one)
            assert call.payload == b'{"method":"test","params":%d}' % number
            behind = [changes.states[later] for later in rpc_ids[number + 1 :]]
            if qos:
                await changes.until(rpc_id, "QUEUED", "SENT")
                assert all(states == ["QUEUED"] for states in behind), behind
                one.send(packets.puback(V3, call.packet_id))
                await changes.until(rpc_id, "QUEUED", "SENT", "DELIVERED")
            if strategy == ON_RESPONSE:
                assert all(states == ["QUEUED"] for states in behind), behind
            await one.reply(int(call.topic.removeprefix(REQUEST)), json.dumps(REPLY).encode())
        for rpc_id in rpc_ids:
            assert await read(stack, rpc_id, 30_000) == ("SUCCESSFUL", REPLY)


@pytest.fixture(scope="session")
def impatient(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A server that waits 100 ms for a PUBACK, then sends again or, if the parameter says so, closes the session."""
    data_dir: Path = tmp_path_factory.mktemp("impatient")
    settings = {
        "TRUNKLINE_MQTT_ACK_TIMEOUT_MS": "100",
        "TRUNKLINE_MQTT_SWEEP_MS": "20",
        "TRUNKLINE_CORE_RETRY_BACKOFF_MS": "100",
        "TRUNKLINE_CORE_CLOSE_SESSION_ON_DELIVERY_TIMEOUT": str(request.param),
    }
    with serve("one", data_dir, **settings) as served, rest_caller(served.rest) as rest:
        yield Stack(served, rest, data_dir / "demo-certificate.pem")


@pytest.mark.parametrize("impatient", [True], indirect=True)
@pytest.mark.parametrize("kind", [pytest.param("oneway", id="057"), pytest.param("twoway", id="058")])
async def test_a_call_that_is_not_acknowledged_may_close_the_session(impatient: Stack, kind: str) -> None:
    device = impatient.device()
    async with (
        asyncio.timeout(60),
        call_changes(impatient.http, device.id) as changes,
        hesitant(impatient, device, V5) as one,
    ):
        expiry = int(time.time() * 1000) + DAY_MS
        rpc_id = await submitted(impatient, device, kind, "setGpio", PIN, retries=0, expirationTime=expiry)
        call = await unacknowledged(one)
        assert (call.payload, call.qos) == (BODY, 1)
        assert packets.decode_disconnect(await one.expect(packets.DISCONNECT), V5) == 0x98
        await one.closed()
        await changes.until(rpc_id, "QUEUED", "SENT", "QUEUED")
        assert await read(impatient, rpc_id) == ("QUEUED", None)


async def test_088_a_call_is_read_by_its_id(stack: Stack, device: Device) -> None:
    rpc_id = await submitted(stack, device, "oneway", "test", None, timeout=5000)
    call = (await get(stack, f"/api/rpc/persistent/{rpc_id}")).json()
    assert call["deviceId"] == {"entityType": "DEVICE", "id": device.id}


async def test_090_a_deleted_call_is_gone(stack: Stack, device: Device) -> None:
    rpc_id = await submitted(stack, device, "oneway", "test", None)
    path = f"/api/rpc/persistent/{rpc_id}"
    assert (await asyncio.to_thread(stack.http.delete, path)).status_code == 200
    gone = await get(stack, path)
    assert (gone.status_code, gone.json()["status"]) == (404, 404)
    listed = await get(stack, f"/api/rpc/persistent/device/{device.id}", page=0, pageSize=10, rpcStatus="DELETED")
    assert (listed.status_code, listed.json()["status"]) == (400, 400)  # ThingsBoard: 500


async def test_091_calls_are_listed_by_their_status(stack: Stack, device: Device) -> None:
    rpc_id = await submitted(stack, device, "oneway", "test", None)
    for status, found in (("QUEUED", [(rpc_id, device.id)]), ("SENT", [])):
        path = f"/api/rpc/persistent/device/{device.id}"
        listed = (await get(stack, path, page=0, pageSize=10, rpcStatus=status)).json()
        assert [(call["id"]["id"], call["deviceId"]["id"]) for call in listed["data"]] == found


async def test_112_a_reply_that_is_no_json_is_kept_as_text(stack: Stack, device: Device, client: NewClient) -> None:
    one = await subscribed(stack, device, client, 1)
    lightweight = asyncio.create_task(stack.twoway(device))
    await answer(one, await one.messages.get(), b"not json")
    assert (await lightweight).status_code == 406
    rpc_id = await submitted(stack, device, "twoway", "getValue", True)
    await answer(one, await one.messages.get(), b"not json")
    assert await read(stack, rpc_id, 30_000) == ("SUCCESSFUL", {"error": "not json"})


@pytest.mark.parametrize("impatient", [False], indirect=True)
@pytest.mark.parametrize("strategy", ["BURST", ON_ACK, ON_RESPONSE])
async def test_114_a_call_that_is_not_acknowledged_is_sent_again_until_it_fails(
    impatient: Stack, strategy: str
) -> None:
    device = device_of_profile(impatient, submitStrategy=strategy)
    async with (
        asyncio.timeout(60),
        call_changes(impatient.http, device.id) as changes,
        hesitant(impatient, device, V3) as one,
    ):
        rpc_id = await submitted(impatient, device, "twoway", "setGpio", PIN, retries=1)
        first = await unacknowledged(one)
        second = await unacknowledged(one)
        assert (second.topic, second.payload) == (first.topic, first.payload)
        assert second.packet_id != first.packet_id
        await changes.until(rpc_id, "QUEUED", "SENT", "TIMEOUT", "SENT", "TIMEOUT", "FAILED")
        why = "There was a Timeout and all retry attempts have been exhausted. Retry attempts set: 1"
        assert await read(impatient, rpc_id) == ("FAILED", {"error": why})


@pytest.mark.parametrize("level", [V3, V5])
async def test_devices_hear_the_calls_id_and_what_is_left_of_its_time(stack: Stack, raw: Raw, level: int) -> None:
    device = device_of_profile(stack, deadlineInBody=True)
    one = raw(level=level)
    assert await one.connect(device.token)
    await one.subscribe()
    for persistent in (True, False):
        call_id = str(uuid.uuid4())
        call = await stack.oneway(device, "setGpio", PIN, persistent=persistent, requestUUID=call_id, timeout=60_000)
        assert call.status_code == 200, call.text
        first, body = await one.read()
        told = json.loads(packets.decode_publish(first, body, level).payload)
        assert (told["method"], told["params"], told["trunkline"]["callId"]) == ("setGpio", PIN, call_id)
        remaining_ms = told["trunkline"]["remainingMs"]
        assert 0 < remaining_ms <= 60_000
        properties = text("trunkline-call-id") + text(call_id)
        assert (properties in body) == (level == V5)
        assert (text("trunkline-remaining-ms") + text(str(remaining_ms)) in body) == (level == V5)
