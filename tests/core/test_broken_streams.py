"""Whatever breaks, every call has exactly one outcome: the real core, the real ends of its streams, a bad network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from doubles.calling_part import CallingPart, calling_part
from doubles.living_core import LivingCore, living_core, until
from doubles.pairs import Kind
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.streams.frames import (
    CallResult,
    CloseSession,
    Deliver,
    PrincipalRevoked,
    Refused,
    Subscribed,
    Unsubscribe,
)
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState

EXPLICIT: Final = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
DELIVERED: Final = DeliveryState.DELIVERY_STATE_DELIVERED
NOT_ACKNOWLEDGED: Final = DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED
SUCCEEDED: Final = Outcome.OUTCOME_SUCCEEDED

SHORT: Final = {"suspension_ms": 60_000}
"""A break is shorter than the suspension, however long the test takes."""

LONG: Final = {"suspension_ms": 20}
"""A break outlasts the suspension at once."""


@pytest.fixture(params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Any:
    """Every test below runs once per kind of wire."""
    return request.param


class Scene:
    """A core, one worker with the device `lamp`, and a part that calls it."""

    def __init__(self, core: LivingCore, worker: ScriptedWorker, part: CallingPart) -> None:
        self.core = core
        self.worker = worker
        self.part = part
        self.lamp = core.devices["lamp"]

    def call(self, **call: Any) -> asyncio.Future[CallResult]:
        return self.part.call(self.lamp, **call)

    def cut(self, *, mend: bool = True) -> None:
        """Cut the link; the worker is back at once, or when `network.up` is set."""
        if not mend:
            self.worker.network.up.clear()
        self.worker.network.cut()

    async def lost(self) -> None:
        """The suspension of the worker's sessions is over."""
        await until(lambda: not self.core.link().sessions)

    def stray(self, kind: str) -> float:
        (family,) = [one for one in self.core.core.counters.collect() if one.name == "trunkline_stray_replies"]
        (value,) = [sample.value for sample in family.samples if sample.labels == {"kind": kind}]
        return value


@asynccontextmanager
async def scene(kind: Kind, directory: Path, **settings: Any) -> AsyncIterator[Scene]:
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        core = await stack.enter_async_context(living_core(kind, directory, **settings))
        worker = await stack.enter_async_context(ScriptedWorker(core.links()))
        part = await stack.enter_async_context(calling_part(core.calls(), core.people.admin))
        yield Scene(core, worker, part)


def ended(result: CallResult) -> tuple[Outcome.ValueType, Cause.ValueType]:
    return result.outcome, result.cause


# --- workers die ---


async def test_worker_killed_with_a_call_unacked(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        call = s.call()
        await s.worker.next(Deliver)
        await s.worker.kill()
        async with ScriptedWorker(s.core.links()) as successor:
            await successor.device("lamp")
            again = await successor.next(Deliver)
            successor.reply(again, b'"done"')
            result = await call
    assert (result.outcome, result.payload) == (SUCCEEDED, b'"done"')
    assert again.request_id == s.worker.deliveries[0].request_id


async def test_worker_killed_with_a_call_acked_and_unanswered(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        await s.worker.device("lamp")
        one_way = s.call(one_way=True)
        call = s.call(timeout_ms=400)
        assert ended(await one_way) == (Outcome.OUTCOME_SENT, Cause.CAUSE_UNSPECIFIED)
        await until(lambda: len(s.worker.deliveries) == 2)
        await until(lambda: not s.core.link().end.unacked(1))
        await s.worker.kill()
        assert ended(await call) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_NO_REPLY)


async def test_a_one_way_call_unacked_at_the_workers_death_ends_at_its_deadline(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        call = s.call(one_way=True, timeout_ms=400)
        await s.worker.next(Deliver)
        await s.worker.kill()
        assert ended(await call) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_NO_ACK_FROM_WORKER)


async def test_expiry_with_a_deliver_unacked(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        assert ended(await s.call(timeout_ms=200)) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_NO_ACK_FROM_WORKER)
        s.cut()  # what it says after that changes nothing
        late = await s.worker.next(Deliver)
        s.worker.reply(late)
        await until(lambda: s.stray("late"))


async def test_two_workers_with_one_name(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        async with ScriptedWorker(s.core.links()) as namesake:
            error = await s.worker.refused()
            assert error.reason == ErrorReason.ERROR_REASON_LINK_SUPERSEDED
            assert "worker-1" in error.message and "worker_id" in error.message
            await namesake.device("lamp")
            call = s.call()
            namesake.reply(await namesake.next(Deliver))
            assert (await call).outcome == SUCCEEDED


# --- links break ---


async def test_link_cut_for_less_than_the_suspension(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        before = s.call()
        delivered = await s.worker.next(Deliver)
        s.cut(mend=False)
        await until(lambda: not len(s.core.core.links))
        meanwhile = s.call(fail_fast=True)
        s.worker.reply(delivered, b"1")
        s.worker.network.up.set()
        s.worker.reply(await s.worker.next(Deliver), b"2")
        results = await asyncio.gather(before, meanwhile)
    assert [(result.outcome, result.payload) for result in results] == [(SUCCEEDED, b"1"), (SUCCEEDED, b"2")]
    assert len(s.worker.deliveries) == 2
    assert not s.worker.has(CloseSession)


async def test_what_never_got_to_the_worker_goes_out_after_the_break(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].blind = True
        call = s.call(one_way=True)
        await until(lambda: s.core.link().end.unacked(1))
        s.cut()
        await s.worker.next(Deliver)
        assert (await call).outcome == Outcome.OUTCOME_SENT


async def test_what_got_to_the_worker_is_not_repeated_though_its_ack_was_lost(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        one_way, two_way = s.call(one_way=True), s.call()
        await until(lambda: len(s.worker.deliveries) == 2)
        s.worker.reply(s.worker.deliveries[1])
        s.cut()
        assert (await one_way).outcome == Outcome.OUTCOME_SENT
        assert (await two_way).outcome == SUCCEEDED
    assert len(s.worker.deliveries) == 2


async def test_link_cut_for_longer_than_the_suspension(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        unacked = s.call()
        await s.worker.next(Deliver)
        s.cut(mend=False)
        await s.lost()
        assert ended(await s.call(fail_fast=True)) == (Outcome.OUTCOME_FAILED, Cause.CAUSE_DEVICE_OFFLINE)
        waiting = s.call()
        s.worker.network.up.set()
        delivered = await s.worker.next(Deliver)
        s.worker.reply(delivered, b"2")
        assert (await waiting).payload == b"2"
        # hello said that the worker had it, so the session that came back did not get it again
        assert [call.request_id for call in s.worker.deliveries[1:]] == [delivered.request_id]
        s.worker.reply(s.worker.deliveries[0], b"1")
        assert (await unacked).payload == b"1"


async def test_a_one_way_call_acked_by_the_hello_after_its_session_was_given_up(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        call = s.call(one_way=True)
        await s.worker.next(Deliver)
        s.cut(mend=False)
        await s.lost()
        s.worker.network.up.set()
        assert (await call).outcome == Outcome.OUTCOME_SENT
        assert len(s.worker.deliveries) == 1


async def test_a_hundred_cuts_under_load(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")

        async def answer() -> None:
            while True:
                call = await s.worker.next(Deliver)
                s.worker.reply(call, call.params)

        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(answer())
            calls = []
            for number in range(300):
                calls.append(s.call(params=str(number).encode()))
                if number % 3 == 2:
                    await s.worker.relinked()
                    s.cut()
            results = await asyncio.gather(*calls)
            answering.cancel()
    assert [(result.outcome, result.payload) for result in results] == [
        (SUCCEEDED, str(number).encode()) for number in range(300)
    ]
    assert len({call.request_id for call in s.worker.deliveries}) == len(s.worker.deliveries) == 300


async def test_a_device_that_went_while_its_link_was_down(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        session = await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        sent = s.call(one_way=True)
        await s.worker.next(Deliver)
        s.cut(mend=False)
        s.worker.disconnect(session)
        s.worker.network.up.set()
        assert (await sent).outcome == Outcome.OUTCOME_SENT
        await s.lost()
        assert ended(await s.call(timeout_ms=100)) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_DEVICE_OFFLINE)


# --- acknowledgements of devices ---


async def test_pubacks_reports_lost_on_either_side(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp", EXPLICIT)
        delivered, unacknowledged = (
            s.call(one_way=True, await_delivery=True),
            s.call(one_way=True, await_delivery=True, timeout_ms=400),
        )
        await until(lambda: len(s.worker.deliveries) == 2)
        s.worker.network.wires[-1].deaf.set()
        s.worker.report(s.worker.deliveries[0], DELIVERED)  # lost between worker and core
        s.worker.report(s.worker.deliveries[1], NOT_ACKNOWLEDGED)  # lost between device and worker
        s.cut()
        assert (await delivered).outcome == Outcome.OUTCOME_DELIVERED
        assert ended(await unacknowledged) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_NO_ACK_FROM_DEVICE)
    assert len(s.worker.deliveries) == 2


async def test_receive_maximum_reached(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp", EXPLICIT, max_inflight=2)
        calls = [s.call(timeout_ms=20_000) for _ in range(2)]
        await until(lambda: len(s.worker.deliveries) == 2)
        busy = s.call(timeout_ms=200)
        third = s.call()
        assert ended(await busy) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_DEVICE_BUSY)
        s.cut()  # open deliveries hold their slots over a break
        await s.worker.relinked()
        await s.worker.relinked()
        assert len(s.worker.deliveries) == 2
        s.worker.report(s.worker.deliveries[0], DELIVERED)
        await until(lambda: len(s.worker.deliveries) == 3)
        for delivery in s.worker.deliveries:
            s.worker.reply(delivery)
        assert {result.outcome for result in await asyncio.gather(*calls, third)} == {SUCCEEDED}


# --- takeovers ---


async def test_takeover_by_another_worker_while_suspended(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        call = s.call()
        old = await s.worker.next(Deliver)
        s.cut(mend=False)
        await until(lambda: not len(s.core.core.links))
        async with ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
            await other.device("lamp")
            again = await other.next(Deliver)
            assert again.request_id == old.request_id
            s.worker.network.up.set()
            closed = await s.worker.next(CloseSession)
            assert closed.reason == ErrorReason.ERROR_REASON_SESSION_SUPERSEDED
            other.reply(again, b"other")
            assert (await call).payload == b"other"
            await until(lambda: not s.core.link()._ended)
            last = s.call()
            other.reply(await other.next(Deliver))
            assert (await last).outcome == SUCCEEDED
    assert not s.worker.has(CloseSession)


async def test_device_back_on_another_worker_before_the_first_notices(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        session = await s.worker.device("lamp")
        s.worker.obeys = False  # a device that does not answer takes its time to close
        first = s.call()
        old = await s.worker.next(Deliver)
        async with ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
            await other.device("lamp")
            assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_SESSION_SUPERSEDED
            again = await other.next(Deliver)
            assert again.request_id == old.request_id
            s.worker.reply(old, b"late, but first")
            assert (await first).payload == b"late, but first"
            other.reply(again)
            await until(lambda: s.stray("duplicate"))
            s.worker.disconnect(session)
            await until(lambda: not s.core.link()._ended)


async def test_the_older_session_loses_at_resume_too(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.cut(mend=False)
        async with ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
            await other.device("lamp")
            await s.core.stop()
            await s.core.start()
            await other.relinked()
            await other.relinked()
            s.worker.network.up.set()  # the older one is back last
            assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_SESSION_SUPERSEDED
            call = s.call()
            other.reply(await other.next(Deliver))
            assert (await call).outcome == SUCCEEDED


# --- cores die ---


async def test_core_killed_with_replies_in_flight(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        await s.core.stop()
        assert ended(await call) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)
        s.worker.reply(delivered)
        await s.core.start()
        await until(lambda: s.stray("unknown"))  # late: its call is of the core's former start
        call = s.call()
        fresh = await s.worker.next(Deliver)
        assert fresh.request_id != delivered.request_id
        s.worker.reply(fresh, b"5")
        assert (await call).payload == b"5"
        s.worker.reply(fresh, b"6")
        await until(lambda: s.stray("duplicate"))
    assert not s.worker.has(CloseSession)


async def test_core_killed_and_the_device_comes_back_on_another_worker(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        await s.core.stop()
        assert ended(await call) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)
        await s.worker.kill()
        await s.core.start()
        async with ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
            session = await other.device("lamp")
            other.reply(Deliver(session, delivered.request_id, "", b"", 0, delivered.kind), b"of another life")
            await until(lambda: s.stray("unknown"))
            call = s.call()
            other.reply(await other.next(Deliver))
            assert (await call).outcome == SUCCEEDED


async def test_calls_wait_for_the_devices_of_a_core_that_just_started(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.up.clear()
        await s.core.stop()
        await s.core.start()
        call = s.call(fail_fast=True)
        await until(lambda: s.core.core._runner.pending)
        s.worker.network.up.set()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == SUCCEEDED


async def test_core_drained_with_calls_waiting(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        sent = s.call()
        await s.worker.next(Deliver)
        await until(lambda: not s.core.link().end.unacked(1))
        offline = s.part.call(s.core.devices["pump"])
        await until(lambda: s.core.core._runner.pending == 2)
        await s.core.core.drain()
        assert ended(await sent) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_DRAINING)
        assert ended(await offline) == (Outcome.OUTCOME_FAILED, Cause.CAUSE_CORE_DRAINING)


# --- callers die ---


async def test_facade_killed(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        async with calling_part(s.core.calls(), s.core.people.admin) as facade:
            calls = [facade.call(s.lamp), facade.call(s.core.devices["pump"])]
            delivered = await s.worker.next(Deliver)
            await until(lambda: s.core.core._runner.pending == 2)
        assert {ended(await call) for call in calls} == {(Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)}
        await until(lambda: s.core.core._runner.pending == 1)  # the one that was never sent is withdrawn
        s.worker.reply(delivered)
        await until(lambda: s.stray("late"))
        assert not s.core.core._runner.pending


async def test_a_call_streams_cut_ends_what_was_written_and_sends_what_was_not(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        written = s.call()
        await s.worker.next(Deliver)
        s.part.network.up.clear()
        s.part.network.cut()
        assert ended(await written) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)
        unwritten = s.call()
        s.part.network.up.set()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await unwritten).outcome == SUCCEEDED


async def test_revocation_crossing_a_start_call(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        heard: asyncio.Future[PrincipalRevoked] = asyncio.get_running_loop().create_future()
        s.part.stream.on_revoked = heard.set_result
        before = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await before).outcome == SUCCEEDED
        crossing = s.call()
        await s.core.revocations.revoke_user(s.part.principal.user_id, 1)
        crossing_too = s.call()
        assert (await crossing_too).reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
        assert (await heard).user_id == s.part.principal.user_id
        s.worker.reply(await s.worker.next(Deliver))
        assert (await crossing).outcome == SUCCEEDED  # it was in before


# --- the store, and credentials ---


async def test_store_down_with_lightweight_traffic_going_on(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.core.break_store()
        for _ in range(3):
            call = s.call()
            s.worker.reply(await s.worker.next(Deliver))
            assert (await call).outcome == SUCCEEDED
        result = await s.part.call(s.core.devices["pump"])
        assert result.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
        session = s.worker.connect("pump")
        assert await s.worker.next(Refused) == Refused(
            session, ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "no answer, says the test"
        )
        s.cut()
        call = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == SUCCEEDED


async def test_a_session_resumed_while_the_store_is_down_lives_on(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        session = await s.worker.device("lamp")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        s.core.directory.forget(s.lamp)
        s.core.break_store()
        s.cut()
        await s.worker.relinked()
        await s.worker.relinked()
        s.worker.reply(delivered)
        assert (await call).outcome == SUCCEEDED  # replies need no store
        s.worker.end.send(Unsubscribe(session, True))  # what changes the session waits for it
        s.worker.subscribe(session)
        await until(lambda: session in s.core.link()._openings)
        s.core.mend_store()
        await s.worker.next(Subscribed)
        call = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == SUCCEEDED
    assert not s.worker.has(CloseSession)


async def test_credentials_replaced_while_the_link_is_down(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        call = s.call()
        old = await s.worker.next(Deliver)
        s.cut(mend=False)
        await until(lambda: not len(s.core.core.links))
        await s.core.core.devices.replace_token(s.core.people.admin, s.lamp, "new secret")
        s.worker.network.up.set()
        assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED
        s.worker.connect("lamp")
        assert (await s.worker.next(Refused)).reason == ErrorReason.ERROR_REASON_BAD_CREDENTIALS
        await s.worker.device("new secret")
        again = await s.worker.next(Deliver)
        assert again.request_id == old.request_id
        s.worker.reply(again)
        assert (await call).outcome == SUCCEEDED
    assert not s.worker.has(CloseSession)


async def test_credentials_replaced_while_no_core_runs(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.up.clear()
        await s.core.stop()
        await s.core.start()
        await s.core.core.devices.replace_token(s.core.people.admin, s.lamp, "new secret")
        s.worker.network.up.set()
        assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED


async def test_a_device_deleted_with_calls_under_way(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call = s.call()
        await s.worker.next(Deliver)
        await s.core.core.devices.delete(s.core.people.admin, s.lamp)
        assert ended(await call) == (Outcome.OUTCOME_FAILED, Cause.CAUSE_DEVICE_DELETED)
        assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_DEVICE_DELETED
        await until(lambda: not s.core.core.links.sessions and not s.core.link()._ended)
        assert s.core.core._runner.known(s.lamp) is None
