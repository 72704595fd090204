"""Devices that show an X.509 certificate."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from doubles.certificates import Certificate, make_certificate, make_forged_chain
from doubles.mqtt_device import MqttDevice
from system.scenarios.clients import V3, V5
from system.scenarios.conftest import Stack

from trunkline.transports.endpoints.mqtt import packets

Showing = Callable[..., Awaitable[MqttDevice]]

LEVELS = pytest.mark.parametrize(("level", "refused"), [(V3, 5), (V5, 0x87)], ids=["v3", "v5"])


@pytest.fixture
async def showing(stack: Stack) -> AsyncIterator[Showing]:
    """Makes connections over TLS on which a certificate, or none, is shown."""
    made: list[MqttDevice] = []

    async def open_with(shown: Certificate | None, level: int = V3) -> MqttDevice:
        context = ssl.create_default_context(cafile=stack.authority)
        if shown is not None:
            context.load_cert_chain(*shown)
        made.append(MqttDevice(stack.mqtts_port, level=level, tls=context))
        return await made[-1].open()

    async with asyncio.timeout(30):
        yield open_with
        for device in made:
            with suppress(OSError):
                await device.leave()


async def connect(device: MqttDevice, user_name: str | None = None) -> int:
    device.send(packets.connect(device.level, "c", user_name))
    return (await device.connack()).code


@LEVELS
async def test_a_registered_certificate_opens_its_device(
    stack: Stack, showing: Showing, tmp_path: Path, level: int, refused: int
) -> None:
    shown = make_certificate(tmp_path, "device")
    registered = stack.device_with("X509_CERTIFICATE", shown.pem)
    device = await showing(shown, level)
    assert await connect(device, "whatever-the-user-name") == 0
    await device.subscribe()
    call = asyncio.create_task(stack.twoway(registered))
    received = await device.receive()
    await device.reply(received.request_id, b"true")
    assert (await call).content == b"true"
    assert stack.http.delete(f"/api/device/{registered.id}").status_code == 200
    await device.closed()


@LEVELS
async def test_a_certificate_nobody_has_is_refused_whatever_the_token(
    stack: Stack, showing: Showing, tmp_path: Path, level: int, refused: int
) -> None:
    device = await showing(make_certificate(tmp_path, "stranger"), level)
    assert await connect(device, stack.device().token) == refused
    await device.closed()


@LEVELS
async def test_a_certificate_out_of_date_is_refused(
    stack: Stack, showing: Showing, tmp_path: Path, level: int, refused: int
) -> None:
    shown = make_certificate(tmp_path, "old", ends_in=timedelta(hours=-1))
    stack.device_with("X509_CERTIFICATE", shown.pem)
    device = await showing(shown, level)
    assert await connect(device) == refused
    await device.closed()


async def test_a_forged_chain_does_not_come_through_the_handshake(showing: Showing, tmp_path: Path) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        device = await showing(make_forged_chain(tmp_path))
        await connect(device)


async def test_without_a_certificate_the_token_counts(stack: Stack, showing: Showing) -> None:
    assert await connect(await showing(None), stack.device().token) == 0
    assert await connect(await showing(None), "wrong") == 5


async def test_a_replaced_certificate_closes_the_connection_and_is_refused(
    stack: Stack, showing: Showing, tmp_path: Path
) -> None:
    first, second = make_certificate(tmp_path, "first"), make_certificate(tmp_path, "second")
    registered = stack.device_with("X509_CERTIFICATE", first.pem)
    device = await showing(first, V5)
    assert await connect(device) == 0
    credentials = stack.http.get(f"/api/device/{registered.id}/credentials").json()
    answer = stack.http.post("/api/device/credentials", json={**credentials, "credentialsValue": second.pem})
    assert answer.status_code == 200, answer.text
    assert packets.decode_disconnect(await device.expect(packets.DISCONNECT), V5) == 0x98
    await device.closed()
    assert await connect(await showing(first)) == 5
    assert await connect(await showing(second)) == 0
