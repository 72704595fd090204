"""Whatever breaks, every call has exactly one outcome: the real core, the real ends of its streams, a bad network.

Here workers die, links break and devices move; `test_broken_parts.py` has the other parts.
"""

import asyncio
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from doubles.living_core import until
from doubles.pairs import Kind
from doubles.scene import LONG, SHORT, ended, scene
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.streams.frames import CloseSession, Deliver
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState

EXPLICIT: Final = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
DELIVERED: Final = DeliveryState.DELIVERY_STATE_DELIVERED
NOT_ACKNOWLEDGED: Final = DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED
SUCCEEDED: Final = Outcome.OUTCOME_SUCCEEDED


@pytest.fixture(params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Any:
    """Every test below runs once per kind of wire."""
    return request.param


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
                    s.cut()
                    await s.worker.relinked()
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
