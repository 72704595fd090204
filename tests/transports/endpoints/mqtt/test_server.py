import asyncio
import resource
import socket
import ssl
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from doubles import idle_devices
from doubles.certificates import make_certificate
from doubles.mqtt_device import MqttDevice
from doubles.shifted_clock import ShiftedClock

from trunkline.contract.streams.frames import (
    Activity,
    Connect,
    DeliveryReport,
    DeviceData,
    Disconnected,
    Reply,
    ReplyStored,
    Subscribe,
)
from trunkline.contract.streams.worker_session import KEPT_REPLIES
from trunkline.transports.endpoints.mqtt import endings, packets
from trunkline.transports.endpoints.mqtt.packets import V3_1_1, V5
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.server import STOPPED_MS, MqttEndpoint
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.scripted_core import ScriptedCore
from trunkline.transports.settings import WorkerSettings
from trunkline.transports.worker import Worker
from trunkline.v1.transport_service_pb2 import DeliveryState, DisconnectCause

TOKEN = "a-token"
GUARD_S = 10.0
NEVER_SWEPT = 3_600_000
"""A sweep comes only when the test calls it."""


class Stage(NamedTuple):
    core: ScriptedCore
    worker: Worker
    endpoint: MqttEndpoint
    clock: ShiftedClock
    devices: list[MqttDevice]

    def device(self, level: int = V3_1_1, qos: int = 1) -> MqttDevice:
        """A device that is not yet connected."""
        self.devices.append(MqttDevice(self.endpoint.port, level=level, qos=qos))
        return self.devices[-1]

    async def attach(self, level: int = V3_1_1, qos: int = 1, keep_alive_s: int = 60) -> tuple[MqttDevice, int]:
        """A device that is subscribed to calls, and its session's number."""
        device = self.device(level, qos)
        assert await device.connect(TOKEN, keep_alive_s=keep_alive_s)
        await device.subscribe()
        return device, (await self.core.hear(Subscribe)).session

    def sweep(self, milliseconds: int) -> None:
        """Let time pass, seen in steps as the timer would see it."""
        for _ in range(milliseconds // 500):
            self.clock.advance(500)
            self.endpoint.sweep()


@asynccontextmanager
async def stage(
    tokens: Collection[str] = (TOKEN,), guard_s: float = GUARD_S, /, **settings: int | str | bool
) -> AsyncIterator[Stage]:
    """A worker with the MQTT endpoint, whose sessions' clock the test moves."""
    clock = ShiftedClock()
    endpoint = MqttEndpoint(MqttSettings.model_validate({"port": 0, "sweep_ms": NEVER_SWEPT} | settings), clock=clock)
    async with asyncio.timeout(guard_s), ScriptedCore(tokens) as core:
        worker = Worker("mqtt", endpoint, core.connector, worker_id="mqtt-1", drain_grace_s=0.0)
        await worker.start()
        devices: list[MqttDevice] = []
        try:
            yield Stage(core, worker, endpoint, clock, devices)
        finally:
            for device in devices:
                await device.leave()
            await worker.drain()


async def clog(on: Stage, session: int) -> int:
    """Send a device that reads nothing more than its buffer takes; how many calls were written."""
    sent = 0
    while not on.core.heard(DeliveryReport):
        sent += 1
        on.core.deliver(session, sent, params=b'"%b"' % (b"x" * 1_000_000))
        await on.core.hear_any()
    return sent - 1


async def test_it_says_where_it_listens() -> None:
    async with stage() as on:
        assert on.endpoint.addresses() == [f"mqtt://127.0.0.1:{on.endpoint.port}"]
        assert on.endpoint.port > 0


async def test_a_taken_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = MqttEndpoint(MqttSettings(port=taken.getsockname()[1]))
        async with ScriptedCore(()) as core:
            worker = Worker("mqtt", endpoint, core.connector, worker_id="mqtt-1", drain_grace_s=0.0)
            with pytest.raises(OSError, match="in use"):
                await worker.start()


def test_it_takes_only_its_own_settings() -> None:
    assert MqttEndpoint.from_settings(MqttSettings(port=1884)).port == 1884
    with pytest.raises(TypeError, match="MqttSettings"):
        MqttEndpoint.from_settings(WorkerSettings())


async def test_one_connection_too_many_is_closed_at_once() -> None:
    async with stage(max_connections=1) as on:
        device, _ = await on.attach()
        refused = await on.device().open()
        await refused.closed()
        assert on.worker.counters.rejected["connection_limit"] == 1
        await device.leave()
        await on.core.hear(Disconnected)
        await on.attach()


async def test_a_lost_connection_is_reported() -> None:
    async with stage() as on:
        device, session = await on.attach()
        device.cut()
        assert await on.core.hear(Disconnected) == Disconnected(
            session, DisconnectCause.DISCONNECT_CAUSE_CONNECTION_LOST
        )


async def test_a_silent_device_is_disconnected() -> None:
    async with stage() as on:
        device, _ = await on.attach(V5, keep_alive_s=2)
        on.sweep(4_000)
        assert (await device.expect(packets.DISCONNECT))[0] == ReasonCode.KEEP_ALIVE_TIMEOUT
        await device.closed()
        assert (await on.core.hear(Disconnected)).cause == DisconnectCause.DISCONNECT_CAUSE_KEEPALIVE


async def test_a_device_that_was_heard_stays() -> None:
    async with stage() as on:
        device, _ = await on.attach(keep_alive_s=2)
        for _ in range(4):
            on.sweep(2_500)
            device.send(packets.PINGREQ_PACKET)
            await device.expect(packets.PINGRESP)


async def test_time_that_the_process_stood_still_counts_for_nobody() -> None:
    async with stage(sweep_ms=NEVER_SWEPT) as on:
        device, _ = await on.attach(keep_alive_s=2)
        on.clock.advance(NEVER_SWEPT + STOPPED_MS + 20_000)
        on.endpoint.sweep()
        assert on.endpoint.around.stood_ms >= STOPPED_MS + 20_000
        on.clock.advance(1_000)
        on.endpoint.sweep()
        assert on.endpoint.connections
        device.send(packets.PINGREQ_PACKET)
        await device.expect(packets.PINGRESP)


async def test_an_unacknowledged_call_is_reported() -> None:
    async with stage() as on:
        device, session = await on.attach()
        on.core.deliver(session, 41)
        first, _ = await device.read()
        assert first >> 4 == packets.PUBLISH
        assert on.endpoint.busy()
        on.sweep(10_500)
        assert await on.core.hear(DeliveryReport) == DeliveryReport(
            session, 41, DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED
        )
        assert not on.endpoint.busy()


async def test_acknowledgements_have_more_time_while_replies_wait_for_the_store() -> None:
    async with stage(max_inflight=1_000) as on:
        device, session = await on.attach(keep_alive_s=2)
        kept = range(1, KEPT_REPLIES + 1)
        for request_id in kept:
            on.core.deliver(session, request_id, durable=True)
            assert (await device.receive()).request_id == request_id
            await device.reply(request_id, b"{}")
            await on.core.hear(Reply)
        for _ in kept:
            await on.core.hear(DeliveryReport)
        on.core.deliver(session, 99)
        assert (await device.receive()).request_id == 99  # and acknowledged, but nobody reads it
        on.sweep(30_000)
        assert on.core.heard(DeliveryReport) == []
        for request_id in kept:
            on.core.send(ReplyStored(session, request_id))
        assert await on.core.hear(DeliveryReport) == DeliveryReport(session, 99, DeliveryState.DELIVERY_STATE_DELIVERED)
        assert [packets.decode_puback(await device.expect(packets.PUBACK), V3_1_1)[0] for _ in kept] == [
            packet_id + 1
            for packet_id in kept  # 1 was its subscription
        ]


async def test_the_core_hears_who_was_active() -> None:
    async with stage() as on:
        device, session = await on.attach()
        await on.attach()
        on.sweep(3_000)
        active = await on.core.hear(Activity)
        assert len(active.sessions) == 2
        device.send(packets.PINGREQ_PACKET)
        await device.expect(packets.PINGRESP)
        on.sweep(3_000)
        assert await on.core.hear(Activity) == Activity(0, (session,))
        on.sweep(3_000)
        assert on.core.heard(Activity) == []


async def test_devices_are_not_read_while_the_link_takes_no_more() -> None:
    async with stage() as on:
        device, session = await on.attach(keep_alive_s=2)
        on.endpoint.read_devices(False)
        late = await on.device().open()
        late.send(packets.connect(V3_1_1, "late", TOKEN))
        device.publish("v1/devices/me/telemetry", b"{}")
        on.sweep(60_000)  # nobody is to blame
        on.core.deliver(session, 1)
        assert (await device.receive()).request_id == 1
        assert on.core.heard(DeviceData) == []
        on.endpoint.read_devices(True)
        await on.core.hear(DeviceData)
        assert (await late.connack()).code == 0
        await on.core.hear(Connect)


async def test_a_device_that_takes_nothing_gets_no_more_calls_until_it_does() -> None:
    async with stage(write_buffer_bytes=65_536) as on:
        device, session = await on.attach(qos=0)
        params = b'"%b"' % (b"x" * 1_000_000)
        sent = 0
        while not on.core.heard(DeliveryReport):
            sent += 1
            on.core.deliver(session, sent, params=params)
            await on.core.hear_any()
        refused = await on.core.hear(DeliveryReport)
        assert (refused.request_id, refused.state) == (sent, DeliveryState.DELIVERY_STATE_NOT_SENT)
        for request_id in range(1, sent):
            assert await device.receive() == (request_id, "setGpio", params)
        device.publish("v1/devices/me/telemetry", b"{}")  # read again
        await on.core.hear(DeviceData)
        on.core.deliver(session, 99)
        assert (await device.receive()).request_id == 99


async def test_a_device_that_takes_nothing_for_too_long_is_disconnected_and_told() -> None:
    async with stage(write_buffer_bytes=65_536, slow_timeout_ms=5_000, disconnect_timeout_ms=60_000) as on:
        device, session = await on.attach(V5, qos=0, keep_alive_s=1)
        sent = await clog(on, session)
        on.sweep(5_000)
        assert on.endpoint.connections
        on.sweep(1_000)
        assert await on.core.hear(Disconnected) == Disconnected(session, DisconnectCause.DISCONNECT_CAUSE_KEEPALIVE)
        assert on.worker.counters.rejected["slow_device"] == 1
        for _ in range(sent):
            await device.receive()
        assert (await device.expect(packets.DISCONNECT))[0] == ReasonCode.QUOTA_EXCEEDED
        await device.closed()


async def test_an_address_from_which_too_many_wrong_credentials_came_is_blocked_for_a_while() -> None:
    async with stage(max_failed_logins=3, block_ms=60_000) as on:
        for _ in range(3):
            assert not await on.device().connect("wrong")
        blocked = await on.device().open()
        await blocked.closed()
        assert on.worker.counters.rejected["blocked_address"] == 1
        on.sweep(60_000)
        await on.attach()


async def test_a_device_that_closes_its_side_is_gone() -> None:
    async with stage() as on:
        device, session = await on.attach()
        device.half_close()
        assert await on.core.hear(Disconnected) == Disconnected(
            session, DisconnectCause.DISCONNECT_CAUSE_CONNECTION_LOST
        )
        await device.closed()


async def test_a_device_that_went_without_a_word_is_gone_after_its_keep_alive() -> None:
    async with stage() as on:
        device, session = await on.attach(keep_alive_s=2)
        cut = packets.publish(V3_1_1, b"v1/devices/me/telemetry", b"{}")[:-1]
        device.send(packets.PINGREQ_PACKET, cut)  # and then its power failed
        await device.expect(packets.PINGRESP)
        on.sweep(4_500)
        assert await on.core.hear(Disconnected) == Disconnected(session, DisconnectCause.DISCONNECT_CAUSE_KEEPALIVE)
        assert on.core.heard(DeviceData) == []


async def test_a_connection_that_never_says_what_it_is_is_closed() -> None:
    async with stage() as on:
        silent = await on.device().open()
        half = await on.device().open()
        half.send(packets.connect(V3_1_1, "half", TOKEN)[:-1])
        await on.attach()  # both were accepted before
        on.sweep(10_500)
        await silent.closed()
        await half.closed()
        assert on.worker.counters.rejected["connect_timeout"] == 2


async def test_a_connection_that_does_not_close_is_cut() -> None:
    async with stage(write_buffer_bytes=65_536, disconnect_timeout_ms=1_000) as on:
        device, session = await on.attach(qos=0)
        await clog(on, session)
        (connection,) = on.endpoint.connections
        assert connection.session is not None
        connection.session.end(endings.SHUTTING_DOWN)
        await on.core.hear(Disconnected)
        on.sweep(1_500)
        await device.closed()
        assert not on.endpoint.connections


async def test_stopping_tells_devices_and_takes_no_more() -> None:
    async with stage() as on:
        device, _ = await on.attach(V5)
        port = on.endpoint.port
        await on.worker.drain()
        assert (await device.expect(packets.DISCONNECT))[0] == ReasonCode.SERVER_SHUTTING_DOWN
        await device.closed()
        with pytest.raises(OSError, match=r"refused|failed"):
            await MqttDevice(port).open()


async def test_stopping_does_not_wait_long_for_a_device_that_takes_nothing() -> None:
    async with stage(write_buffer_bytes=65_536, disconnect_timeout_ms=50) as on:
        device, session = await on.attach(qos=0)
        await clog(on, session)
        await on.worker.drain()
        await device.closed()
        assert not on.endpoint.connections


async def test_many_devices_may_come_at_once() -> None:
    async with stage() as on:
        devices = [on.device() for _ in range(200)]
        assert all(await asyncio.gather(*(device.connect(TOKEN) for device in devices)))
        assert on.worker.counters.sessions == 200
        await asyncio.gather(*(device.leave() for device in devices))
        for _ in devices:
            await on.core.hear(Disconnected)
        assert on.worker.counters.sessions == 0


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.long)])
async def test_idle_devices_cost_little_and_are_called_at_once(count: int) -> None:
    tokens = {f"device-{number}" for number in range(count)}
    async with stage(tokens, 300) as on:
        before = resident_bytes()
        fleet = await asyncio.create_subprocess_exec(
            sys.executable, idle_devices.__file__, str(on.endpoint.port), str(count), stdin=PIPE, stdout=PIPE
        )
        assert fleet.stdout is not None
        assert fleet.stdin is not None
        assert await fleet.stdout.readline() == b"idle\n"
        assert on.worker.counters.sessions == count
        subscribed = [subscribe.session for subscribe in on.core.heard(Subscribe)]
        on.core.forget()
        if count >= 10_000:  # of fewer the measure is too coarse
            assert (resident_bytes() - before) / count < 8_192
        on.sweep(60_000)
        for session in subscribed[:: count // 100]:
            on.core.deliver(session, 1)
            assert (await on.core.hear(Reply)).session == session
        assert on.worker.counters.sessions == count
        fleet.stdin.close()
        for _ in range(count):
            await on.core.hear(Disconnected)
        await fleet.wait()
        assert on.worker.counters.sessions == 0
        assert not on.endpoint.around.waiting


def resident_bytes() -> int:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def test_nonsense_on_many_connections_harms_nobody_else() -> None:
    nonsense = Random(7)
    async with stage() as on:
        device, session = await on.attach()
        for _ in range(100):
            stranger = await on.device().open()
            stranger.send(nonsense.randbytes(nonsense.randrange(1, 2_000)))
            await stranger.leave()
        on.core.deliver(session, 1)
        assert (await device.receive()).request_id == 1


async def test_a_certificate_stands_alone_among_the_credentials(tmp_path: Path) -> None:
    served, shown = make_certificate(tmp_path, "server"), make_certificate(tmp_path, "device")
    async with stage(tls_port=0, tls_certificate=str(served.certificate), tls_key=str(served.key)) as on:
        assert on.endpoint.addresses()[1] == f"mqtts://127.0.0.1:{on.endpoint.tls_port}"
        for level in (V3_1_1, V5):
            context = ssl.create_default_context(cafile=served.certificate)
            context.load_cert_chain(*shown)
            reader, writer = await asyncio.open_connection("127.0.0.1", on.endpoint.tls_port, ssl=context)
            writer.write(packets.connect(level, "client", TOKEN))
            asked = await on.core.hear(Connect)
            assert (asked.certificate_der, asked.mqtt_basic) == (shown.der, None)
            first, body = await anext(_packets(reader))
            code = packets.decode_connack(body, level).code
            assert (first, code) == (packets.CONNACK << 4, 0x87 if level == V5 else 5)  # the scripted core knows tokens
            writer.close()


async def test_a_device_without_a_certificate_shows_its_token_over_tls(tmp_path: Path) -> None:
    served = make_certificate(tmp_path, "server")
    async with stage(tls_port=0, tls_certificate=str(served.certificate), tls_key=str(served.key), plain=False) as on:
        assert on.endpoint.addresses() == [f"mqtts://127.0.0.1:{on.endpoint.tls_port}"]
        context = ssl.create_default_context(cafile=served.certificate)
        reader, writer = await asyncio.open_connection("127.0.0.1", on.endpoint.tls_port, ssl=context)
        writer.write(packets.connect(V3_1_1, "client", TOKEN))
        asked = await on.core.hear(Connect)
        assert asked.mqtt_basic is not None
        assert asked.mqtt_basic.user_name == TOKEN
        _, body = await anext(_packets(reader))
        assert packets.decode_connack(body, V3_1_1).code == 0
        writer.close()


async def test_handshakes_count_as_connections(tmp_path: Path) -> None:
    served = make_certificate(tmp_path, "server")
    settings: dict[str, int | str] = {
        "tls_port": 0,
        "tls_certificate": str(served.certificate),
        "tls_key": str(served.key),
    }
    async with stage(max_connections=1, **settings) as on:
        _, idle = await asyncio.open_connection("127.0.0.1", on.endpoint.tls_port)
        reader, refused = await asyncio.open_connection("127.0.0.1", on.endpoint.tls_port)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        for writer in (idle, refused):
            writer.close()


async def _packets(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, bytes]]:
    """What the server sends, packet by packet."""
    rest = b""
    while data := await reader.read(65_536):
        found, rest = packets.split_packets(rest + data)
        for packet in found:
            yield packet
