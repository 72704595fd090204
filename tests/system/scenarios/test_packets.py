"""What SUBSCRIBE, UNSUBSCRIBE and PUBLISH are answered with."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from doubles.mqtt_device import MqttDevice
from system.scenarios.clients import V3, V5, Gmqtt, Paho
from system.scenarios.conftest import Device, NewClient, Stack

from trunkline.transports.endpoints.mqtt import packets

ATTRIBUTES = "v1/devices/me/attributes"
CALLS = "v1/devices/me/rpc/request/+"
TELEMETRY = "v1/devices/me/telemetry"

Raw = Callable[..., MqttDevice]
Connected = Callable[[int], Any]


@pytest.fixture
def connected(stack: Stack, device: Device, client: NewClient) -> Connected:
    """Connects the device with a client of the library."""

    async def connect(level: int) -> Paho | Gmqtt:
        one = client(level)
        assert await one.connect(stack.mqtt_port, device.token) == 0
        return one

    return connect


async def test_016_v5_a_subscription_is_granted_as_asked(connected: Connected) -> None:
    assert list(await (await connected(V5)).subscribe(ATTRIBUTES, 0)) == [0x00]


async def test_017_v5_an_unknown_filter_gets_8f(connected: Connected) -> None:
    assert list(await (await connected(V5)).subscribe("wrong/topic/+", 0)) == [0x8F]


async def test_018_v5_unsubscribing_from_what_was_subscribed(connected: Connected) -> None:
    one = await connected(V5)
    await one.subscribe(ATTRIBUTES)
    assert list(await one.unsubscribe(ATTRIBUTES)) == [0x00]


async def test_019_v5_unsubscribing_from_what_was_not_subscribed_gets_11(connected: Connected) -> None:
    assert list(await (await connected(V5)).unsubscribe(ATTRIBUTES)) == [0x11]


async def test_020_v5_good_attributes_are_acknowledged(connected: Connected) -> None:
    assert await (await connected(V5)).publish(ATTRIBUTES, b'{"attr":"value"}') == 0x00


async def test_021_v5_an_unknown_topic_gets_90_and_the_connection_stays(connected: Connected) -> None:
    one = await connected(V5)
    assert await one.publish("wrong/topic/", b'{"a":1}') == 0x90
    assert await one.publish(ATTRIBUTES, b'{"a":1}') == 0x00


async def test_022_v5_json_that_cannot_be_read_gets_99_and_the_connection_stays(connected: Connected) -> None:
    one = await connected(V5)
    assert await one.publish(ATTRIBUTES, b'"attr":"value"}') == 0x99
    assert await one.publish(ATTRIBUTES, b'{"a":1}') == 0x00


def _profile(stack: Stack, *, acknowledge: bool) -> str:
    """A device profile for MQTT with JSON; the type of its devices."""
    name = f"mqtt-json-{acknowledge}-{stack.device().token}"
    profile = {
        "name": name,
        "type": "DEFAULT",
        "transportType": "MQTT",
        "profileData": {
            "configuration": {"type": "DEFAULT"},
            "transportConfiguration": {
                "type": "MQTT",
                "deviceTelemetryTopic": TELEMETRY,
                "deviceAttributesTopic": ATTRIBUTES,
                "transportPayloadTypeConfiguration": {"transportPayloadType": "JSON"},
                "sendAckOnValidationException": acknowledge,
            },
        },
    }
    answer = stack.http.post("/api/deviceProfile", json=profile)
    assert answer.status_code == 200, answer.text
    return name


GATEWAY = pytest.mark.parametrize("gateway", [False, True], ids=["device", "gateway"])


@GATEWAY
async def test_023_v3_telemetry_that_cannot_be_read_closes(stack: Stack, client: NewClient, gateway: bool) -> None:
    device = stack.device(type=_profile(stack, acknowledge=False), additionalInfo={"gateway": gateway})
    one = client(V3)
    assert await one.connect(stack.mqtt_port, device.token) == 0
    published = asyncio.create_task(one.publish(TELEMETRY, b'"a":1}'))
    assert await one.closed == -1
    assert not published.done()
    published.cancel()


@GATEWAY
async def test_024_v3_or_is_acknowledged_if_the_profile_says_so(stack: Stack, client: NewClient, gateway: bool) -> None:
    device = stack.device(type=_profile(stack, acknowledge=True), additionalInfo={"gateway": gateway})
    one = client(V3)
    assert await one.connect(stack.mqtt_port, device.token) == 0
    assert await one.publish(TELEMETRY, b'"a":1}') == 0
    assert await one.publish(TELEMETRY, b'{"a":1}') == 0


async def test_108_v3_qos_2_is_granted_as_1_and_an_unknown_filter_fails_alone(device: Device, raw: Raw) -> None:
    one = raw()
    assert await one.connect(device.token)
    one.send(packets.subscribe(V3, 7, ((CALLS, 2), ("foo", 1))))
    assert packets.decode_suback(await one.expect(packets.SUBACK), V3) == (7, bytes((0x01, 0x80)))


@pytest.mark.parametrize(("level", "code"), [(V3, 0x80), (V5, 0x8F)])
async def test_109_filters_are_taken_word_for_word(connected: Connected, level: int, code: int) -> None:
    assert list(await (await connected(level)).subscribe("v1/devices/me/rpc/request/#")) == [code]


async def test_110_the_last_subscription_to_calls_counts_and_unsubscribing_any_ends_them(
    stack: Stack, device: Device, connected: Connected
) -> None:
    one = await connected(V5)
    await one.subscribe(CALLS)
    await one.subscribe("v2/r/req/+")
    assert (await stack.oneway(device)).status_code == 200
    assert (await one.messages.get()).topic.startswith("v2/r/req/")
    assert list(await one.unsubscribe(CALLS)) == [0x00]
    offline = await stack.oneway(device, failFast=True)
    assert (offline.status_code, offline.headers["Trunkline-Cause"]) == (504, "DEVICE_OFFLINE")
    assert one.messages.empty()


async def test_117_session_limits_are_a_devices_call_on_the_short_topic(connected: Connected) -> None:
    one = await connected(V3)
    await one.subscribe("v1/devices/me/rpc/response/+")
    await one.publish("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits","params":{}}')
    assert json.loads((await one.messages.get()).payload) == {
        "maxPayloadSize": 65536,
        "maxInflightMessages": 100,
        "rateLimits": {"messages": None, "telemetryMessages": None, "telemetryDataPoints": None},
    }
    await one.subscribe("v2/r/res/+")
    await one.publish("v2/r/req/1", b'{"method":"getSessionLimits","params":{}}')
    answer = await one.messages.get()
    assert answer.topic == "v2/r/res/1"
    assert list(json.loads(answer.payload)) == ["error"]


async def test_118_v5_a_devices_call_without_a_method_is_refused(device: Device, raw: Raw) -> None:
    one = raw(level=V5)
    assert await one.connect(device.token)
    packet_id = one.publish("v1/devices/me/rpc/request/1", b'{"params":1}')
    assert packets.decode_puback(await one.expect(packets.PUBACK), V5) == (packet_id, 0x99)


@pytest.mark.parametrize(("level", "code"), [(V3, None), (V5, 0x81)])
async def test_119_a_packet_beyond_the_limit_ends_the_connection(
    device: Device, raw: Raw, level: int, code: int | None
) -> None:
    one = raw(level=level)
    assert await one.connect(device.token)
    one.send(bytes((packets.PUBLISH << 4, 0x81, 0x80, 0x04)))  # 65,537 bytes follow, it says
    if code is not None:
        assert packets.decode_disconnect(await one.expect(packets.DISCONNECT), level) == code
    await one.closed()
