"""How devices connect, are refused, and are told to go."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from doubles.mqtt_device import MqttDevice
from system.rest_caller import rest_caller
from system.runners import serve
from system.scenarios.clients import V3, V5
from system.scenarios.conftest import Device, NewClient, Stack

from trunkline.transports.endpoints.mqtt import packets

CALLS = "v1/devices/me/rpc/request/+"

Raw = Callable[..., MqttDevice]


async def answers_as(stack: Stack, device: Device, client: object, topic: str = CALLS) -> bool:
    """Whether this connection is the device's: a call to the device comes here."""
    await client.subscribe(topic)  # type: ignore[attr-defined]  # of either library
    call = asyncio.create_task(stack.oneway(device, "whoAreYou"))
    message = await client.messages.get()  # type: ignore[attr-defined]  # of either library
    return (await call).status_code == 200 and json.loads(message.payload)["method"] == "whoAreYou"


async def test_001_v3_a_valid_token_connects(stack: Stack, device: Device, client: NewClient) -> None:
    assert await client(V3).connect(stack.mqtt_port, device.token) == 0


async def test_002_v3_a_wrong_token_is_refused_with_5(stack: Stack, client: NewClient) -> None:
    assert await client(V3).connect(stack.mqtt_port, "wrongAccessToken") == 5


async def test_003_v3_an_unknown_client_id_alone_is_refused_with_2(stack: Stack, client: NewClient) -> None:
    assert await client(V3).connect(stack.mqtt_port, client_id="unknownClientId") == 2


async def test_004_v5_a_valid_token_connects(stack: Stack, device: Device, client: NewClient) -> None:
    assert await client(V5).connect(stack.mqtt_port, device.token) == 0


async def test_005_v5_a_wrong_token_is_refused_with_86(stack: Stack, client: NewClient) -> None:
    assert await client(V5).connect(stack.mqtt_port, "wrongAccessToken") == 0x86


async def test_006_v5_an_unknown_client_id_alone_is_refused_with_85(stack: Stack, client: NewClient) -> None:
    assert await client(V5).connect(stack.mqtt_port, client_id="unknownClientId") == 0x85


async def test_007_v5_nothing_at_all_is_refused_with_87(stack: Stack, client: NewClient) -> None:
    assert await client(V5).connect(stack.mqtt_port) == 0x87


async def test_008_v5_a_refusal_is_followed_by_a_disconnect_with_its_code(raw: Raw) -> None:
    device = raw(level=V5)
    assert not await device.connect("wrongAccessToken")
    code = packets.decode_disconnect(await device.expect(packets.DISCONNECT), V5)
    assert code == 0x86
    await device.closed()


async def test_009_credentials_are_tried_from_the_most_exact_to_the_token(stack: Stack, client: NewClient) -> None:
    def basic(**fields: str) -> Device:
        return stack.device_with("MQTT_BASIC", json.dumps(fields))

    mark = stack.device().token  # so that ids are nobody else's
    by_client_id = basic(clientId=f"c-{mark}")
    first = basic(clientId=f"c-{mark}", userName=f"u1-{mark}")
    second = basic(clientId=f"c-{mark}", userName=f"u2-{mark}", password="pwd")
    token1 = stack.device_with("ACCESS_TOKEN", "", credentialsId=f"u1-{mark}")
    token2 = stack.device_with("ACCESS_TOKEN", "", credentialsId=f"u2-{mark}")
    shown: list[tuple[Device, str, str | None, str | None]] = [
        (token1, "", f"u1-{mark}", None),
        (by_client_id, f"c-{mark}", None, None),
        (first, f"c-{mark}", f"u1-{mark}", None),
        (second, f"c-{mark}", f"u2-{mark}", "pwd"),
        (token2, "random-id", f"u2-{mark}", "random-password"),
    ]
    for device, client_id, user_name, password in shown:
        one = client(V3)
        assert await one.connect(stack.mqtt_port, user_name, client_id, password) == 0
        assert await answers_as(stack, device, one)


async def test_010_v3_a_wrong_password_is_refused_with_5(stack: Stack, client: NewClient) -> None:
    mark = stack.device().token
    value = json.dumps({"clientId": f"c-{mark}", "userName": f"u3-{mark}", "password": "secret"})
    device = stack.device_with("MQTT_BASIC", value)
    credentials = stack.http.get(f"/api/device/{device.id}/credentials").json()
    assert credentials["credentialsId"] == hashlib.sha3_256(f"c-{mark}|u3-{mark}".encode()).hexdigest()
    assert await client(V3).connect(stack.mqtt_port, f"u3-{mark}", f"c-{mark}", "WRONG PASSWORD") == 5
    assert await client(V3).connect(stack.mqtt_port, f"u3-{mark}", f"c-{mark}", "secret") == 0


@pytest.mark.parametrize("level", [V3, V5])
async def test_011_the_packet_beyond_the_queue_before_connect_is_answered_closes(
    stack: Stack, raw: Raw, level: int
) -> None:
    device = raw(level=level)
    await device.open()
    publish = packets.publish(level, b"v1/devices/me/telemetry", b"{}", 1, 1)
    device.send(*[publish] * 101, packets.connect(level, "c", stack.device().token))
    await device.closed()


async def test_012_what_comes_right_behind_connect_is_handled_once_and_in_order(
    stack: Stack, device: Device, raw: Raw
) -> None:
    one = raw()
    await one.open()
    one.send(packets.connect(V3, "c", device.token))
    ids = [one.publish("v1/devices/me/telemetry", b'{"a":1}') for _ in range(50)]
    assert (await one.connack()).code == 0
    assert [packets.decode_puback(await one.expect(packets.PUBACK), V3)[0] for _ in ids] == ids


async def test_013_v5_a_second_connection_ends_the_first_with_8e(
    stack: Stack, device: Device, client: NewClient
) -> None:
    first, second = client(V5), client(V5)
    assert await first.connect(stack.mqtt_port, device.token) == 0
    assert await second.connect(stack.mqtt_port, device.token) == 0
    assert await first.closed == 0x8E
    assert not second.closed.done()
    assert await answers_as(stack, device, second)


@pytest.mark.parametrize("level", [V3, V5])
async def test_014_a_deleted_device_is_disconnected(
    stack: Stack, device: Device, client: NewClient, level: int
) -> None:
    one = client(level)
    assert await one.connect(stack.mqtt_port, device.token) == 0
    assert stack.http.delete(f"/api/device/{device.id}").status_code == 200
    assert await asyncio.wait_for(one.closed, 10) == (0x98 if level == V5 else -1)


async def test_107_a_lasting_session_is_not_pretended(stack: Stack, device: Device, client: NewClient) -> None:
    one = client(V3)
    assert await one.connect(stack.mqtt_port, device.token, client_id="lasting", clean=False) == 0
    assert not one.session_present


async def test_120_pings_keep_a_session_and_silence_ends_it_with_83(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_MQTT_INACTIVITY_TIMEOUT_MS", "1500")
    monkeypatch.setenv("TRUNKLINE_MQTT_SWEEP_MS", "50")
    with serve("one", tmp_path) as served, rest_caller(served.rest):
        pinging, silent = (MqttDevice(served.mqtt_port, level=V5) for _ in range(2))
        async with asyncio.timeout(30):
            assert await pinging.connect("A1_TEST_TOKEN", keep_alive_s=0)
            assert await silent.connect("A2_TEST_TOKEN", keep_alive_s=0)
            ended = asyncio.create_task(silent.expect(packets.DISCONNECT))
            while not ended.done():
                pinging.send(packets.PINGREQ_PACKET)
                await pinging.expect(packets.PINGRESP)
                await asyncio.wait([ended], timeout=0.3)
            assert packets.decode_disconnect(await ended, V5) == 0x83
            pinging.send(packets.PINGREQ_PACKET)
            await pinging.expect(packets.PINGRESP)
            for device in (pinging, silent):
                await device.leave()
