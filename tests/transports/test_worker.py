import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from doubles.bare_endpoint import BareDevice, BareEndpoint
from doubles.shifted_clock import ShiftedClock

from trunkline.contract.metadata import LINK_SUPERSEDED_EXIT
from trunkline.contract.streams.core_end import Written
from trunkline.contract.streams.frames import (
    Batch,
    CloseSession,
    Connect,
    Connected,
    CoreFrame,
    Deliver,
    DeliveryReport,
    DeviceCallAnswer,
    DeviceData,
    DeviceDataAnswer,
    Disconnected,
    Drain,
    Frame,
    LinkHello,
    MqttProfile,
    ProfileChanged,
    Refused,
    Reply,
    ReplyStored,
    Resume,
    Subscribe,
    TransportProfile,
    Welcome,
    Withdraw,
    WorkerFrame,
)
from trunkline.contract.streams.memory_wire import MemoryConnector
from trunkline.contract.streams.wire import Unreadable, Wire
from trunkline.transports.scripted_core import ScriptedCore
from trunkline.transports.worker import Worker
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DataKind, DeliveryState, DisconnectCause

TOKEN = "a-token"
GUARD_S = 10.0
NOT_SENT = DeliveryState.DELIVERY_STATE_NOT_SENT


class Stage(NamedTuple):
    core: ScriptedCore
    worker: Worker
    endpoint: BareEndpoint

    async def attach(self) -> BareDevice:
        """A device that is subscribed to calls."""
        device = BareDevice(self.worker)
        device.connect(TOKEN)
        device.subscribe()
        assert isinstance(await device.told.get(), Connected)
        assert await device.told.get() == "subscribed"
        return device

    async def told(self, device: BareDevice) -> list[Frame | str | int]:
        """What the device is told of all that the core has said so far."""
        last = DeviceCallAnswer(device.number, 0)
        self.core.send(last)
        told: list[Frame | str | int] = []
        while (next_told := await device.told.get()) != last:
            told.append(next_told)
        return told


@asynccontextmanager
async def stage(drain_grace_s: float = 0.0) -> AsyncIterator[Stage]:
    async with asyncio.timeout(GUARD_S), ScriptedCore({TOKEN}) as core:
        endpoint = BareEndpoint()
        worker = Worker("bare", endpoint, core.connector, worker_id="bare-1", drain_grace_s=drain_grace_s)
        await worker.start()
        await core.hear(LinkHello)
        try:
            yield Stage(core, worker, endpoint)
        finally:
            await worker.drain()


async def test_it_introduces_itself() -> None:
    async with asyncio.timeout(GUARD_S), ScriptedCore(()) as core:
        worker = Worker("bare", BareEndpoint(), core.connector, worker_id="bare-7", drain_grace_s=0.0)
        await worker.start()
        hello = await core.hear(LinkHello)
        assert (hello.worker_id, hello.transport, len(hello.incarnation)) == ("bare-7", "bare", 16)
        await worker.drain()


async def test_a_session_is_told_all_that_concerns_it_in_order() -> None:
    async with stage() as on:
        device = await on.attach()
        number = device.number
        on.core.deliver(number, 1)
        on.core.send(Withdraw(number, 1))
        on.core.send(ReplyStored(number, 2))
        on.core.send(DeviceDataAnswer(number, 5, b"{}"))
        on.core.send(CloseSession(number, ErrorReason.ERROR_REASON_DEVICE_DELETED))
        await on.core.hear(Disconnected)
        call = await device.told.get()
        assert isinstance(call, Deliver)
        assert [await device.told.get() for _ in range(4)] == [
            1,
            2,
            DeviceDataAnswer(number, 5, b"{}"),
            CloseSession(number, ErrorReason.ERROR_REASON_DEVICE_DELETED),
        ]


async def test_a_delivery_that_was_written_is_acknowledged() -> None:
    async with stage() as on:
        device = await on.attach()
        on.core.deliver(device.number, 1, prompt=True)
        assert await on.core.hear(Written) == Written(device.number, 1)
        assert on.worker.counters.delivered == 1


@pytest.mark.parametrize("takes", [False, RuntimeError("the endpoint is broken")])
async def test_one_that_was_not_goes_back(takes: bool | Exception) -> None:
    async with stage() as on:
        device = await on.attach()
        device.takes = takes
        on.core.deliver(device.number, 1)
        assert await on.core.hear(DeliveryReport) == DeliveryReport(device.number, 1, NOT_SENT)
        assert on.worker.counters.not_sent == 1
        assert on.worker.counters.failed_frames == isinstance(takes, Exception)
        device.takes = True
        on.core.deliver(device.number, 2)
        await on.core.hear(Written)


async def test_a_call_whose_time_is_over_goes_back_unsent() -> None:
    clock = ShiftedClock()
    clock.advance(60_000)  # the core's, still
    async with asyncio.timeout(GUARD_S), ScriptedCore({TOKEN}) as core:
        worker = Worker("bare", BareEndpoint(), core.connector, worker_id="bare-1", drain_grace_s=0.0, clock=clock)
        await worker.start()
        device = BareDevice(worker)
        device.connect(TOKEN)
        device.subscribe()
        await core.hear(Subscribe)
        core.deliver(device.number, 1, timeout_ms=59_000)
        core.deliver(device.number, 2, timeout_ms=90_000)
        assert await core.hear(DeliveryReport) == DeliveryReport(device.number, 1, NOT_SENT)
        assert await core.hear(Written) == Written(device.number, 2)
        assert (worker.counters.delivered, worker.counters.not_sent) == (1, 1)
        await worker.drain()


async def test_an_endpoint_finds_profiles_as_they_are_now() -> None:
    async with stage() as on:
        on.core.profile = TransportProfile(b"p" * 16, 1, mqtt=MqttProfile("a/+"))
        device = BareDevice(on.worker)
        device.connect(TOKEN)
        connected = await device.told.get()
        assert isinstance(connected, Connected)
        assert device.link.profile(connected.profile_id) == on.core.profile
        assert device.link.profile(b"q" * 16) is None
        changed = TransportProfile(b"p" * 16, 2, mqtt=MqttProfile("b/+"))
        on.core.send(ProfileChanged(0, changed))
        assert await on.told(device) == []
        assert device.link.profile(connected.profile_id) == changed


async def test_a_refused_session_is_forgotten() -> None:
    async with stage() as on:
        device = BareDevice(on.worker)
        device.connect("wrong")
        assert isinstance(await device.told.get(), Refused)
        counters = on.worker.counters
        assert (counters.sessions, counters.refused[ErrorReason.ERROR_REASON_BAD_CREDENTIALS]) == (0, 1)
        device.link.closed(device.number, DisconnectCause.DISCONNECT_CAUSE_CLIENT)
        await on.attach()
        assert on.core.heard(Disconnected) == []


async def test_a_closed_session_is_reported_once() -> None:
    async with stage() as on:
        device = await on.attach()
        for _ in range(2):
            device.link.closed(device.number, DisconnectCause.DISCONNECT_CAUSE_CLIENT)
        assert (await on.core.hear(Disconnected)).session == device.number
        assert not device.link.send(Reply(device.number, 1, b"{}"))
        await on.attach()
        assert on.core.heard(Disconnected) == []
        assert on.worker.counters.closed[DisconnectCause.DISCONNECT_CAUSE_CLIENT] == 1


async def test_what_comes_behind_the_end_in_one_batch_is_passed_over() -> None:
    async with stage() as on:
        device = await on.attach()
        on.core.send(CloseSession(device.number, ErrorReason.ERROR_REASON_DEVICE_DELETED))
        on.core.send(DeviceCallAnswer(device.number, 1, b"{}"))
        on.core.send(CloseSession(device.number, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED))
        on.core.deliver(device.number, 41)
        await on.core.hear(Disconnected)
        assert await on.core.hear(DeliveryReport) == DeliveryReport(device.number, 41, NOT_SENT)
        assert on.worker.counters.failed_frames == 0
        assert not on.core.heard(Disconnected)


async def test_sessions_outlive_a_broken_link() -> None:
    async with stage() as on:
        device = await on.attach()
        assert on.worker.counters.linked == 1
        await on.core.cut()
        assert (await on.core.hear(Resume)).session == device.number
        on.core.deliver(device.number, 3)
        await on.core.hear(Written)


async def test_frames_wait_for_a_link() -> None:
    async with asyncio.timeout(GUARD_S), ScriptedCore({TOKEN}) as core:
        worker = Worker("bare", BareEndpoint(), core.connector, worker_id="bare-1", drain_grace_s=0.0)
        await worker.start()
        device = BareDevice(worker)
        device.connect(TOKEN)
        device.subscribe()
        assert device.link.send(DeviceData(device.number, 0, DataKind.DATA_KIND_TELEMETRY, b"{}"))
        await core.hear(Connect)
        await core.hear(Subscribe)
        await core.hear(DeviceData)
        await worker.drain()


async def test_devices_are_not_read_while_too_much_waits() -> None:
    async with stage() as on:
        device = await on.attach()
        while on.worker.reads(device.number):
            device.link.send(DeviceData(device.number, 0, DataKind.DATA_KIND_TELEMETRY, bytes(1_000_000)))
        assert not on.endpoint.reading.is_set()
        await on.endpoint.reading.wait()
        assert on.worker.reads(device.number)


async def test_what_cannot_be_understood_is_counted() -> None:
    wires: asyncio.Queue[Wire[CoreFrame | Unreadable, WorkerFrame]] = asyncio.Queue()
    connector: MemoryConnector[WorkerFrame, CoreFrame | Unreadable] = MemoryConnector(wires.put_nowait)
    async with asyncio.timeout(GUARD_S):
        worker = Worker("bare", BareEndpoint(), connector, worker_id="bare-1", drain_grace_s=0.0)
        await worker.start()
        wire = await wires.get()
        await wire.read()
        await wire.write(Batch([Welcome(0, b"c" * 16, 0, 2 << 20, 8 << 20, 2_000), Unreadable("of the future")]))
        answer = await wire.read()
        while answer is not None and answer.ack < 1:
            answer = await wire.read()
        assert worker.counters.failed_frames == 1
        await worker.drain()


async def test_a_draining_core_changes_nothing() -> None:
    async with stage() as on:
        device = await on.attach()
        on.core.send(Drain(0, 5_000))
        assert await on.told(device) == []
        on.core.deliver(device.number, 1)
        await on.core.hear(Written)


async def test_a_worker_whose_name_was_taken_ends() -> None:
    async with stage() as on:
        ended = asyncio.ensure_future(on.worker.ended())
        await on.core.cut(ErrorReason.ERROR_REASON_LINK_SUPERSEDED)
        assert await ended == LINK_SUPERSEDED_EXIT == 78


async def test_a_worker_that_the_core_does_not_trust_ends() -> None:
    async with stage() as on:
        ended = asyncio.ensure_future(on.worker.ended())
        await on.core.cut(ErrorReason.ERROR_REASON_UNAUTHENTICATED)
        assert await ended == 1


async def test_draining_waits_for_devices_but_not_for_ever() -> None:
    async with stage(drain_grace_s=60.0) as on:
        on.endpoint.owed = True
        draining = asyncio.ensure_future(on.worker.drain())
        await on.attach()
        assert on.endpoint.asked == ["start", "refuse"]
        assert not draining.done()
        on.endpoint.owed = False
        await draining
        assert on.endpoint.asked == ["start", "refuse", "stop"]
        assert await on.worker.ended() == 0
    async with stage(drain_grace_s=0.05) as on:
        on.endpoint.owed = True
        await on.worker.drain()
        assert on.endpoint.asked == ["start", "refuse", "stop"]


async def test_draining_waits_until_devices_hear_that_their_replies_are_stored() -> None:
    async with stage(drain_grace_s=60.0) as on:
        device = await on.attach()
        on.core.deliver(device.number, 1, durable=True)
        await device.told.get()
        device.link.send(Reply(device.number, 1, b"{}"))
        await on.core.hear(Reply)
        draining = asyncio.ensure_future(on.worker.drain())
        on.core.deliver(device.number, 2)
        await on.core.hear(Written)
        assert not draining.done()
        on.core.send(ReplyStored(device.number, 1))
        await draining
        assert 1 in [await device.told.get() for _ in range(device.told.qsize())]


async def test_draining_says_the_last_words() -> None:
    async with stage() as on:
        device = await on.attach()
        device.link.closed(device.number, DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE)
        await on.worker.drain()
        assert on.core.heard(Disconnected)
