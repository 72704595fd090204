"""Whatever breaks, a stored call that was accepted ends exactly once; its device gets it again only by the rules."""

from pathlib import Path
from typing import Any, Final, get_args

import pytest
from doubles.calling_part import calling_part
from doubles.living_core import until
from doubles.pairs import Kind
from doubles.scene import LONG, SHORT, Scene, ended, scene
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import CloseSession, Deliver, DeliveryPolicy, Persistence, Reply, ReplyStored
from trunkline.core.store.call_rows import StoredCall
from trunkline.v1.call_pb2 import CallState, Outcome, Redelivery, SubmitStrategy
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState

EXPLICIT: Final = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
QUEUED: Final = CallState.CALL_STATE_QUEUED
SENT: Final = CallState.CALL_STATE_SENT
DELIVERED: Final = CallState.CALL_STATE_DELIVERED
SUCCESSFUL: Final = CallState.CALL_STATE_SUCCESSFUL
EXPIRED: Final = CallState.CALL_STATE_EXPIRED
FAILED: Final = CallState.CALL_STATE_FAILED

NEVER: Final = DeliveryPolicy(redelivery=Redelivery.REDELIVERY_NEVER)
UNDELIVERED: Final = DeliveryPolicy(redelivery=Redelivery.REDELIVERY_UNDELIVERED)


@pytest.fixture(params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Any:
    """Every test below runs once per kind of wire."""
    return request.param


async def submit(s: Scene, device: str = "lamp", **call: Any) -> bytes:
    """Store a call for the device; its id."""
    result = await s.part.call(s.core.devices[device], persistence=Persistence(), **call)
    assert result.outcome == Outcome.OUTCOME_ACCEPTED, result
    return result.call_id


async def row(s: Scene, call_id: bytes) -> StoredCall:
    """The call's row, as it is committed."""
    found = await s.core.core._store.calls.find(s.core.people.tenant_id, call_id)
    assert found is not None
    return found


async def in_state(s: Scene, call_id: bytes, state: CallState.ValueType) -> StoredCall:
    """The call's row once it is in this state."""
    while (found := await row(s, call_id)).state != state:
        assert not found.end_unix_ms, found
    return found


# --- workers die ---


async def test_worker_killed_with_a_call_unacked(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        await s.worker.device("lamp", EXPLICIT)
        s.worker.network.wires[-1].deaf.set()
        call_id = await submit(s)
        lost = await s.worker.next(Deliver)
        await s.worker.kill()
        async with ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
            await other.device("lamp", EXPLICIT)
            again = await other.next(Deliver)
            assert (again.request_id, again.method, again.params) == (lost.request_id, lost.method, lost.params)
            other.reply(again, b'"done"')
            assert (await in_state(s, call_id, SUCCESSFUL)).reply == b'"done"'


async def test_worker_killed_with_a_call_unacked_that_must_not_be_repeated(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        await s.worker.device("lamp", EXPLICIT)
        s.worker.network.wires[-1].deaf.set()
        call_id = await submit(s, policy=NEVER)
        await s.worker.next(Deliver)
        await s.worker.kill()
        found = await in_state(s, call_id, FAILED)
        assert (found.outcome, found.cause) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_WORKER_LOST)


async def test_worker_killed_with_a_call_acked_and_unanswered(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        await s.worker.device("lamp")
        unanswered = await submit(s)
        undelivered = await submit(s, policy=UNDELIVERED)
        first = await s.worker.next(Deliver)
        await in_state(s, unanswered, DELIVERED)
        await in_state(s, undelivered, DELIVERED)
        await s.worker.kill()
        async with ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
            await other.device("lamp")
            again = await other.next(Deliver)
            assert again.request_id == first.request_id
            other.reply(again)
            await in_state(s, unanswered, SUCCESSFUL)
            assert not other.has(Deliver)
            assert (await row(s, undelivered)).state == DELIVERED


# --- cores die ---


async def test_core_killed_with_a_stored_reply_in_flight(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call_id = await submit(s)
        delivered = await s.worker.next(Deliver)
        await in_state(s, call_id, DELIVERED)
        await s.core.stop()
        s.worker.reply(delivered, b"7")
        await s.core.start()
        assert (await s.worker.next(ReplyStored)).request_id == delivered.request_id
        found = await row(s, call_id)
        assert (found.state, found.reply) == (SUCCESSFUL, b"7")
    assert len(s.worker.deliveries) == 1


async def test_core_killed_with_a_call_queued_and_one_sent(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp", EXPLICIT)
        sent = await submit(s)
        delivered = await s.worker.next(Deliver)
        await in_state(s, sent, SENT)
        queued = await submit(s, "pump")
        await s.core.stop()
        await s.core.start()
        s.worker.report(delivered, DeliveryState.DELIVERY_STATE_DELIVERED)
        await in_state(s, sent, DELIVERED)
        await s.worker.device("pump")
        call = await s.worker.next(Deliver)
        assert (call.method, call.params) == ("set", b"1")
        s.worker.reply(call)
        await in_state(s, queued, SUCCESSFUL)
    assert len(s.worker.deliveries) == 2


async def test_core_and_worker_killed(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp", EXPLICIT)
        call_id = await submit(s)
        first = await s.worker.next(Deliver)
        await in_state(s, call_id, SENT)
        await s.core.stop()
        await s.worker.kill()
        await s.core.start()
        async with ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
            await other.device("lamp")
            again = await other.next(Deliver)
            assert (again.request_id, again.params) == (first.request_id, first.params)
            other.reply(again)
            await in_state(s, call_id, SUCCESSFUL)


async def test_a_call_that_expired_while_no_core_ran(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        call_id = await submit(s, timeout_ms=1)
        await s.core.stop()
        await s.core.start()
        found = await in_state(s, call_id, EXPIRED)
        assert (found.outcome, found.reply) == (Outcome.OUTCOME_EXPIRED, None)


async def test_a_duplicate_reply_after_a_core_restart(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call_id = await submit(s)
        delivered = await s.worker.next(Deliver)
        s.worker.reply(delivered, b"1")
        await s.worker.next(ReplyStored)
        await s.core.stop()
        await s.core.start()
        s.worker.reply(delivered, b"2")
        await s.worker.next(ReplyStored)
        found = await row(s, call_id)
        assert (found.reply, found.late_reply) == (b"1", None)
        await until(lambda: s.stray("duplicate"))


async def test_a_late_reply_is_kept_also_after_a_restart(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        one, two = await submit(s, timeout_ms=200), await submit(s, timeout_ms=200)
        first, second = await s.worker.next(Deliver), await s.worker.next(Deliver)
        await in_state(s, one, EXPIRED)
        await in_state(s, two, EXPIRED)
        s.worker.reply(first, b"1")
        await s.worker.next(ReplyStored)
        await s.core.stop()
        await s.core.start()
        s.worker.reply(second, b"2")
        await s.worker.next(ReplyStored)
        for call_id, late in ((one, b"1"), (two, b"2")):
            found = await row(s, call_id)
            assert (found.state, found.reply, found.late_reply) == (EXPIRED, None, late)


async def test_a_lightweight_calls_late_reply_after_a_core_restart_is_confirmed(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        session = await s.worker.device("lamp")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        await s.core.stop()
        assert ended(await call) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)
        await s.core.start()
        s.worker.end.send(Reply(session, delivered.request_id, b"1", device_id=s.lamp, keep=True))
        await until(lambda: s.stray("unknown"))


# --- callers die, links break ---


async def test_facade_killed(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        async with calling_part(s.core.calls(), s.core.people.admin) as facade:
            result = await facade.call(s.lamp, persistence=Persistence())
        await s.worker.device("lamp")
        s.worker.reply(await s.worker.next(Deliver))
        await in_state(s, result.call_id, SUCCESSFUL)


async def test_a_submit_that_is_sent_again_joins(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        call_id = new_id()
        assert await submit(s, call_id=call_id) == call_id
        assert await submit(s, call_id=call_id, resent=True) == call_id
        await s.core.stop()
        await s.core.start()
        assert await submit(s, call_id=call_id, resent=True) == call_id
        conflict = await s.part.call(s.lamp, persistence=Persistence(), call_id=call_id, params=b"2")
        assert conflict.reason == ErrorReason.ERROR_REASON_CALL_CONFLICT
        await s.worker.device("lamp")
        s.worker.reply(await s.worker.next(Deliver))
        await in_state(s, call_id, SUCCESSFUL)
    assert len(s.worker.deliveries) == 1


async def test_link_cut_for_less_than_the_suspension(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp", EXPLICIT)
        sent = await submit(s)
        delivered = await s.worker.next(Deliver)
        await in_state(s, sent, SENT)
        s.cut(mend=False)
        waiting = await submit(s)
        s.worker.report(delivered, DeliveryState.DELIVERY_STATE_DELIVERED)
        s.worker.network.up.set()
        second = await s.worker.next(Deliver)
        await in_state(s, sent, DELIVERED)
        s.worker.reply(second)
        s.worker.reply(delivered)
        await in_state(s, sent, SUCCESSFUL)
        await in_state(s, waiting, SUCCESSFUL)
    assert len(s.worker.deliveries) == 2


async def test_link_cut_for_longer_than_the_suspension(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        session = await s.worker.device("lamp", EXPLICIT)
        call_id = await submit(s)
        delivered = await s.worker.next(Deliver)
        await in_state(s, call_id, SENT)
        s.cut(mend=False)
        await s.lost()
        s.worker.network.up.set()
        await s.worker.relinked()
        s.worker.reply(delivered, b"1")  # the session resumes, the device was never away
        await in_state(s, call_id, SUCCESSFUL)
        assert delivered.session == session


async def test_expiry_with_a_deliver_unacked(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        call_id = await submit(s, timeout_ms=200)
        await s.worker.next(Deliver)
        found = await in_state(s, call_id, EXPIRED)
        assert found.cause == Cause.CAUSE_NO_ACK_FROM_WORKER


async def test_credentials_replaced_while_the_link_is_down(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call_id = await submit(s)
        first = await s.worker.next(Deliver)
        await in_state(s, call_id, DELIVERED)
        s.cut(mend=False)
        await s.core.replace_token(s.lamp, "fresh")
        s.worker.network.up.set()
        await s.worker.next(CloseSession)
        await s.worker.device("fresh")
        again = await s.worker.next(Deliver)
        assert again.request_id == first.request_id
        s.worker.reply(again)
        await in_state(s, call_id, SUCCESSFUL)


async def test_revocation_crossing_a_submit(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        before = await submit(s)
        await s.core.revocations.revoke_user(s.part.principal.user_id, 1)
        refused = await s.part.call(s.lamp, persistence=Persistence())
        assert refused.reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
        await s.worker.device("lamp")
        s.worker.reply(await s.worker.next(Deliver))
        await in_state(s, before, SUCCESSFUL)
    assert len(s.worker.deliveries) == 1


async def test_receive_maximum_reached(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        ids = [await submit(s, params=b"%d" % number) for number in range(150)]
        await s.worker.device("lamp", EXPLICIT, max_inflight=2)
        for number in range(150):
            call = await s.worker.next(Deliver)
            assert call.params == b"%d" % number
            assert len(s.worker.deliveries) <= number + 2
            s.worker.reply(call)
            s.worker.report(call, DeliveryState.DELIVERY_STATE_DELIVERED)
        for call_id in ids:
            await in_state(s, call_id, SUCCESSFUL)


# --- the store ---


async def test_store_down(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call_id = await submit(s)
        delivered = await s.worker.next(Deliver)
        await in_state(s, call_id, DELIVERED)
        s.core.break_store()
        refused = await s.part.call(s.lamp, persistence=Persistence())
        assert (refused.outcome, refused.reason) == (
            Outcome.OUTCOME_FAILED,
            ErrorReason.ERROR_REASON_STORE_UNAVAILABLE,
        )
        s.worker.reply(delivered, b"1")
        light = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await light).outcome == Outcome.OUTCOME_SUCCEEDED
        assert not s.worker.has(ReplyStored)
        s.core.mend_store()
        assert (await s.worker.next(ReplyStored)).request_id == delivered.request_id
        assert (await row(s, call_id)).reply == b"1"
        second = await submit(s)
        s.worker.reply(await s.worker.next(Deliver))
        await in_state(s, second, SUCCESSFUL)
    assert len(s.worker.deliveries) == 3


async def test_a_commits_answer_lost_and_the_truth_found_in_time(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.core.lose_commits()
        result = s.part.call(s.lamp, persistence=Persistence())
        await until(lambda: s.core.commits_lost)
        s.core.mend_store()
        assert (await result).outcome == Outcome.OUTCOME_ACCEPTED
        s.worker.reply(await s.worker.next(Deliver))
        await in_state(s, (await result).call_id, SUCCESSFUL)
    assert len(s.worker.deliveries) == 1


async def test_a_commits_answer_lost_for_too_long(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, store_wait_ms=100, **SHORT) as s:
        await s.worker.device("lamp")
        s.core.lose_commits()
        call_id = new_id()
        result = await s.part.call(s.lamp, persistence=Persistence(), call_id=call_id)
        assert ended(result) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_COMMIT_UNKNOWN)
        s.core.mend_store()
        found = await in_state(s, call_id, FAILED)
        assert found.cause == Cause.CAUSE_COMMIT_UNKNOWN
    assert not s.worker.deliveries


# --- order ---


@pytest.mark.parametrize(
    "strategy",
    [
        SubmitStrategy.SUBMIT_STRATEGY_BURST,
        SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE,
        SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_RESPONSE_FROM_DEVICE,
    ],
)
async def test_order_survives_a_restart(kind: Kind, tmp_path: Path, strategy: SubmitStrategy.ValueType) -> None:
    policy = DeliveryPolicy(strategy)
    async with scene(kind, tmp_path, **SHORT) as s:
        ids = [await submit(s, params=b"%d" % number, policy=policy) for number in range(5)]
        await s.core.stop()
        await s.core.start()
        ids += [await submit(s, params=b"%d" % number, policy=policy) for number in range(5, 10)]
        await s.worker.device("lamp")
        for number in range(10):
            call = await s.worker.next(Deliver)
            assert call.params == b"%d" % number
            s.worker.reply(call)
        for call_id in ids:
            await in_state(s, call_id, SUCCESSFUL)
