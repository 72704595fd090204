"""The test that every endpoint must pass: `await check_endpoint(make_endpoint, make_device)`.

`make_endpoint` gives a fresh endpoint that listens on a free port of the loopback address; `make_device` gives a device
that speaks the endpoint's protocol to it. Real worker, real link in memory, and a scripted core behind it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, Protocol

from trunkline.contract.streams.core_end import Written
from trunkline.contract.streams.frames import (
    CloseSession,
    Connect,
    DeliveryReport,
    Disconnected,
    Reply,
    ReplyStored,
    Resume,
    Subscribe,
    Withdraw,
)
from trunkline.transports.endpoint import Endpoint
from trunkline.transports.scripted_core import ScriptedCore
from trunkline.transports.worker import Worker
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, DisconnectCause

TOKEN: Final = "conformance-token"
GUARD_S: Final = 10.0
"""No scenario takes nearly as long."""


class ReceivedCall(NamedTuple):
    """A call as a device got it; `params` is JSON."""

    request_id: int
    method: str
    params: bytes


class Device(Protocol):
    """A device of the endpoint's protocol, driven by the scenarios."""

    async def connect(self, token: str) -> bool:
        """Show credentials; whether the device was let in."""
        ...

    async def subscribe(self) -> None:
        """Ask for calls; returns once that is confirmed."""
        ...

    async def receive(self) -> ReceivedCall:
        """The next call; acknowledge it where the protocol does so."""
        ...

    async def reply(self, request_id: int, payload: bytes) -> None:
        """Answer a call."""
        ...

    def confirmed(self) -> int | None:
        """How many of its replies it was told have arrived, of what it has read so far; None where the protocol does
        not tell."""
        ...

    async def closed(self) -> None:
        """Wait until the endpoint has ended the connection."""
        ...

    async def leave(self) -> None:
        """End the connection; harmless if it is over."""
        ...


MakeEndpoint = Callable[[], Endpoint]
MakeDevice = Callable[[Endpoint], Device]


class Bench(NamedTuple):
    """What a scenario plays with."""

    core: ScriptedCore
    worker: Worker
    device: Device


@asynccontextmanager
async def bench(make_endpoint: MakeEndpoint, make_device: MakeDevice) -> AsyncIterator[Bench]:
    """A started worker with the endpoint, a core behind it and a device in front of it."""
    async with ScriptedCore({TOKEN}) as core:
        endpoint = make_endpoint()
        worker = Worker("conformance", endpoint, core.connector, worker_id="conformance-1", drain_grace_s=1.0)
        await worker.start()
        device = make_device(endpoint)
        try:
            yield Bench(core, worker, device)
        finally:
            await device.leave()
            await worker.drain()


async def check_endpoint(make_endpoint: MakeEndpoint, make_device: MakeDevice) -> None:
    """Play every scenario on a fresh bench; AssertionError or TimeoutError, named after the scenario, if one fails."""
    for scenario in SCENARIOS:
        try:
            async with asyncio.timeout(GUARD_S), bench(make_endpoint, make_device) as stage:
                await scenario(stage)
        except (AssertionError, TimeoutError) as error:
            error.add_note(f"scenario {scenario.__name__}: {scenario.__doc__}")
            raise


async def attached(stage: Bench) -> Subscribe:
    """Connect and subscribe the device; what it subscribed to."""
    assert await stage.device.connect(TOKEN)
    await stage.device.subscribe()
    return await stage.core.hear(Subscribe)


async def refuses_bad_credentials(stage: Bench) -> None:
    """A device with an unknown token is told so, and its session leaves nothing behind."""
    assert not await stage.device.connect("no-such-token")
    await stage.device.closed()
    assert stage.worker.counters.sessions == 0


async def delivers_and_replies(stage: Bench) -> None:
    """A call reaches the device as it was sent, and the device's bytes come back as they were sent."""
    subscribe = await attached(stage)
    stage.core.deliver(subscribe.session, 1_048_577, "setGpio", b'{"pin":7,"value":1.50}')
    assert await stage.device.receive() == ReceivedCall(1_048_577, "setGpio", b'{"pin":7,"value":1.50}')
    assert await stage.core.hear(Written) == Written(subscribe.session, 1_048_577)
    await stage.device.reply(1_048_577, b'{ "done": true }')
    reply = await stage.core.hear(Reply)
    assert (reply.request_id, reply.payload, reply.error) == (1_048_577, b'{ "done": true }', None)


async def reports_delivery(stage: Bench) -> None:
    """Where the session is acknowledged explicitly, exactly one report follows a delivery; else none does."""
    subscribe = await attached(stage)
    for request_id in (1, 2):
        stage.core.deliver(subscribe.session, request_id)
        await stage.device.receive()
        await stage.device.reply(request_id, b"{}")
        await stage.core.hear(Reply)
    if subscribe.acknowledgement == Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT:
        for request_id in (1, 2):
            report = await stage.core.hear(DeliveryReport)
            assert (report.request_id, report.state) == (request_id, DeliveryState.DELIVERY_STATE_DELIVERED)
    assert not stage.core.heard(DeliveryReport)


async def keeps_replies_to_stored_calls(stage: Bench) -> None:
    """A device hears that its reply to a stored call arrived once the core has stored it, and of others at once; a
    reply that is not yet stored is told again after a break of the link."""
    session = (await attached(stage)).session
    stage.core.deliver(session, 1)
    await stage.device.receive()
    await stage.device.reply(1, b"{}")
    assert not (await stage.core.hear(Reply)).keep
    stage.core.deliver(session, 2, durable=True)
    await stage.device.receive()
    confirms = stage.device.confirmed() is not None
    assert stage.device.confirmed() == (1 if confirms else None)
    await stage.device.reply(2, b'{"kept":true}')
    assert (await stage.core.hear(Reply)).keep
    await stage.core.cut()
    again = await stage.core.hear(Reply)
    assert (again.request_id, again.payload, again.keep) == (2, b'{"kept":true}', True)
    stage.core.deliver(session, 3)
    await stage.device.receive()
    assert stage.device.confirmed() == (1 if confirms else None)
    stage.core.send(ReplyStored(session, 2))
    stage.core.deliver(session, 4)
    await stage.device.receive()
    assert stage.device.confirmed() == (2 if confirms else None)


async def delivers_again(stage: Bench) -> None:
    """A stored call that is sent again reaches the device again under its request id, with a report of its own."""
    subscribe = await attached(stage)
    for _ in range(2):
        stage.core.deliver(subscribe.session, 5, "setGpio", b"1", durable=True)
        assert await stage.device.receive() == ReceivedCall(5, "setGpio", b"1")
        assert await stage.core.hear(Written) == Written(subscribe.session, 5)
    if subscribe.acknowledgement == Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT:
        for _ in range(2):
            report = await stage.core.hear(DeliveryReport)
            assert (report.request_id, report.state) == (5, DeliveryState.DELIVERY_STATE_DELIVERED)
    assert not stage.core.heard(DeliveryReport)


async def withdraws(stage: Bench) -> None:
    """A withdrawn call either does not reach the device and is reported as not sent, or it went out and is reported
    as any other; nothing behind it is held up."""
    subscribe = await attached(stage)
    stage.core.deliver(subscribe.session, 6, durable=True)
    await stage.core.hear(Written)
    stage.core.send(Withdraw(subscribe.session, 6))
    stage.core.send(Withdraw(subscribe.session, 6_000))  # of a call that is not here any more
    stage.core.deliver(subscribe.session, 7)
    call = await stage.device.receive()
    went_out = call.request_id == 6
    if went_out:
        call = await stage.device.receive()
    assert call.request_id == 7
    explicit = subscribe.acknowledgement == Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
    await stage.device.reply(7, b"{}")
    await stage.core.hear(Reply)
    expected = [(7, DeliveryState.DELIVERY_STATE_DELIVERED)] if explicit else []
    if not went_out:
        expected.append((6, DeliveryState.DELIVERY_STATE_NOT_SENT))
    elif explicit:
        expected.append((6, DeliveryState.DELIVERY_STATE_DELIVERED))
    reports = [await stage.core.hear(DeliveryReport) for _ in expected]
    assert {(report.request_id, report.state) for report in reports} == set(expected)
    assert not stage.core.heard(DeliveryReport)


async def returns_what_it_cannot_send(stage: Bench) -> None:
    """A call to a device that left comes back as not sent."""
    subscribe = await attached(stage)
    await stage.device.leave()
    ended = await stage.core.hear(Disconnected)
    stage.core.deliver(ended.session, 3)
    report = await stage.core.hear(DeliveryReport)
    assert (report.session, report.request_id) == (subscribe.session, 3)
    assert report.state == DeliveryState.DELIVERY_STATE_NOT_SENT


async def reports_the_end(stage: Bench) -> None:
    """A device that leaves is reported once, and a number is never used twice."""
    first = await attached(stage)
    await stage.device.leave()
    assert (await stage.core.hear(Disconnected)).session == first.session
    second = await attached(stage)
    assert second.session > first.session
    assert not stage.core.heard(Disconnected)


async def closes_when_told(stage: Bench) -> None:
    """The core ends a session: the device's connection ends, and the worker says so."""
    subscribe = await attached(stage)
    stage.core.send(CloseSession(subscribe.session, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED))
    await stage.device.closed()
    ended = await stage.core.hear(Disconnected)
    assert (ended.session, ended.cause) == (subscribe.session, DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE)


async def outlives_a_broken_link(stage: Bench) -> None:
    """The device stays connected over a broken link, and is called after it without subscribing again."""
    subscribe = await attached(stage)
    await stage.core.cut()
    resume = await stage.core.hear(Resume)
    assert (resume.session, resume.rpc_subscribed) == (subscribe.session, True)
    stage.core.deliver(subscribe.session, 4)
    assert (await stage.device.receive()).request_id == 4
    assert len(stage.core.heard(Connect)) == 1


async def drains(stage: Bench) -> None:
    """A worker that ends closes its devices, tells the core, and takes no new ones."""
    subscribe = await attached(stage)
    await stage.worker.drain()
    await stage.device.closed()
    assert (await stage.core.hear(Disconnected)).session == subscribe.session


SCENARIOS: Final[tuple[Callable[[Bench], Awaitable[None]], ...]] = (
    refuses_bad_credentials,
    delivers_and_replies,
    reports_delivery,
    keeps_replies_to_stored_calls,
    delivers_again,
    withdraws,
    returns_what_it_cannot_send,
    reports_the_end,
    closes_when_told,
    outlives_a_broken_link,
    drains,
)
