"""The methods about calls that were made already, on a real core, through the client that is made for them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from doubles.living_core import LivingCore, until
from doubles.scene import LONG, SHORT, Scene, scene

from trunkline.client.client import Client
from trunkline.contract.channel import core_address
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, new_id, to_text
from trunkline.contract.streams.frames import Deliver
from trunkline.core.clock import unix_ms
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.v1.call_pb2 import (
    CallKind,
    CallRecord,
    CallState,
    DeliveryPolicy,
    Outcome,
    Redelivery,
    Step,
    SubmitStrategy,
)
from trunkline.v1.device_service_pb2 import AssignDeviceRequest, UnassignDeviceRequest
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.page_pb2 import PageRequest
from trunkline.v1.rpc_service_pb2 import CallEvent, CancelResult, Role, WatchCallsResponse
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState

QUEUED, SENT, DELIVERED = CallState.CALL_STATE_QUEUED, CallState.CALL_STATE_SENT, CallState.CALL_STATE_DELIVERED
SUCCESSFUL, EXPIRED, FAILED = (
    CallState.CALL_STATE_SUCCESSFUL,
    CallState.CALL_STATE_EXPIRED,
    CallState.CALL_STATE_FAILED,
)
NOT_FOUND = ErrorReason.ERROR_REASON_CALL_NOT_FOUND
INVALID = ErrorReason.ERROR_REASON_INVALID_ARGUMENT
DENIED = ErrorReason.ERROR_REASON_PERMISSION_DENIED
EXPLICIT = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT

Stream = AsyncIterator[WatchCallsResponse]


def user(core: LivingCore, role: Role.ValueType = Role.ROLE_TENANT_ADMIN, customer_id: bytes = NO_ID) -> User:
    tenant_id = NO_ID if role == Role.ROLE_SYS_ADMIN else core.people.tenant_id
    return User(new_id(), tenant_id, customer_id, "ann@example.com", role, unix_ms())


@asynccontextmanager
async def client(core: LivingCore, who: User) -> AsyncIterator[Client]:
    directory = core._settings.data_dir
    token = Tokens(SigningKey.load(directory)).issue(who).access
    async with Client.connect(core_address(directory), token=token) as connected:
        yield connected


@asynccontextmanager
async def stage(directory: Path, **settings: Any) -> AsyncIterator[tuple[Scene, Client]]:
    """A scene, and an administrator's client."""
    async with scene("grpc", directory, **{**SHORT, **settings}) as s, client(s.core, user(s.core)) as ann:
        yield s, ann


async def refused(asking: Any) -> ErrorReason.ValueType:
    with pytest.raises(TrunklineError) as error:
        await asking
    return error.value.reason


async def told(stream: Stream, count: int) -> list[CallEvent]:
    """The next events, in however many messages."""
    events: list[CallEvent] = []
    async with asyncio.timeout(10):
        while len(events) < count:
            events += (await anext(stream)).events
    assert len(events) == count
    return events


async def in_state(ann: Client, call_id: str, state: CallState.ValueType) -> CallRecord:
    """The call once it is in this state."""
    while (call := await ann.get_call(call_id)).state != state:
        assert not call.HasField("end_time"), call
    return call


def steps(timeline: Iterable[Any]) -> list[Step.ValueType]:
    return [entry.step for entry in timeline]


async def test_the_life_of_a_stored_call(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        policy = DeliveryPolicy(strategy=SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE)
        before = unix_ms()
        call_id = await ann.submit(
            to_text(s.lamp),
            "set",
            b' {"on": true}',
            timeout_ms=60_000,
            idempotency_key="k",
            additional_info=b'{"by":"ann"}',
            policy=policy,
            retries=2,
        )
        queued = await ann.get_call(call_id)
        assert (queued.call_id, queued.tenant_id) == (call_id, to_text(s.core.people.tenant_id))
        assert (queued.device_id, queued.kind, queued.method) == (to_text(s.lamp), CallKind.CALL_KIND_TWO_WAY, "set")
        assert (queued.params, queued.additional_info) == (b'{"on":true}', b'{"by":"ann"}')
        assert (queued.persistent, queued.state, queued.outcome) == (True, QUEUED, Outcome.OUTCOME_UNSPECIFIED)
        assert (queued.retries, queued.idempotency_key, queued.timeouts) == (2, "k", 0)
        assert queued.policy.strategy == policy.strategy
        assert queued.policy.redelivery == Redelivery.REDELIVERY_UNANSWERED
        assert before <= queued.create_time.ToMilliseconds() <= unix_ms()
        assert queued.expire_time.ToMilliseconds() - queued.create_time.ToMilliseconds() in range(59_900, 60_001)
        assert not queued.HasField("end_time") and not queued.has_reply
        lacking = await ann.explain_call(call_id)
        assert lacking.cause == Cause.CAUSE_DEVICE_OFFLINE and "never connected" in lacking.hint
        assert steps(lacking.timeline) == [Step.STEP_ACCEPTED, Step.STEP_STORED, Step.STEP_WAITING]
        waiting = asyncio.create_task(ann.get_call(call_id, wait_ms=20_000))
        await s.worker.device("lamp", EXPLICIT)
        delivered = await s.worker.next(Deliver)
        assert delivered.request_id == queued.request_id
        await in_state(ann, call_id, SENT)
        s.worker.report(delivered, DeliveryState.DELIVERY_STATE_DELIVERED)
        await in_state(ann, call_id, DELIVERED)
        assert not waiting.done()
        assert (await ann.explain_call(call_id)).cause == Cause.CAUSE_NO_REPLY
        s.worker.reply(delivered, b"7 ")
        ended = await waiting
        assert (ended.state, ended.outcome, ended.reply) == (SUCCESSFUL, Outcome.OUTCOME_SUCCEEDED, b"7 ")
        assert ended.end_time.ToMilliseconds() >= ended.create_time.ToMilliseconds()
        assert ended == await ann.get_call(call_id) == await ann.get_call(call_id, wait_ms=20_000)
        explained = await ann.explain_call(call_id)
        assert (explained.cause, explained.hint) == (Cause.CAUSE_UNSPECIFIED, "")
        assert explained.call == ended
        assert steps(explained.timeline) == [
            Step.STEP_ACCEPTED,
            Step.STEP_STORED,
            Step.STEP_WAITING,
            Step.STEP_ROUTED,
            Step.STEP_SENT,
            Step.STEP_DELIVERED,
            Step.STEP_REPLIED,
            Step.STEP_ENDED,
        ]
        assert explained.timeline[2].detail == "device offline"
        assert explained.timeline[3].detail == f"worker-1, session {delivered.session}"
        times = [entry.time.ToMilliseconds() for entry in explained.timeline]
        assert times == sorted(times) and before <= times[0] <= times[-1] <= unix_ms()


async def test_a_lightweight_call_while_it_lives_and_if_it_fails(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        await s.worker.device("lamp", EXPLICIT)
        call_id = new_id()
        calling = s.call(call_id=call_id, timeout_ms=60_000)
        delivered = await s.worker.next(Deliver)
        s.worker.report(delivered, DeliveryState.DELIVERY_STATE_DELIVERED)
        text = to_text(call_id)
        call = await in_state(ann, text, DELIVERED)
        assert (call.persistent, call.method, call.request_id) == (False, "set", delivered.request_id)
        assert not call.HasField("end_time")
        waiting = asyncio.create_task(ann.get_call(text, wait_ms=10_000))
        cancelled = await ann.cancel_call(text)
        assert cancelled.result == CancelResult.CANCEL_RESULT_MARKED
        assert cancelled.call.outcome == (await calling).outcome == Outcome.OUTCOME_CANCELLED
        assert (await waiting).outcome == Outcome.OUTCOME_CANCELLED
        s.worker.reply(delivered, b'"too late"')
        while not (kept := await ann.get_call(text)).has_late_reply:
            pass
        assert (kept.late_reply, kept.state, kept.cause) == (b'"too late"', FAILED, Cause.CAUSE_CANCELLED)
        explained = await ann.explain_call(text)
        assert steps(explained.timeline) == [
            Step.STEP_ACCEPTED,
            Step.STEP_ROUTED,
            Step.STEP_DELIVERED,
            Step.STEP_CANCEL_REQUESTED,
            Step.STEP_ENDED,
            Step.STEP_LATE_REPLY,
        ]
        assert (await ann.cancel_call(text)).result == CancelResult.CANCEL_RESULT_ALREADY_ENDED
        assert await refused(ann.delete_call(text)) == NOT_FOUND


async def test_whoever_waits_for_a_lightweight_call_gets_its_reply(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        await s.worker.device("lamp")
        call_id = new_id()
        calling = s.call(call_id=call_id)
        delivered = await s.worker.next(Deliver)
        waiting = asyncio.create_task(ann.get_call(to_text(call_id), wait_ms=10_000))
        await until(lambda: s.core.core._calls.runner._ends)
        s.worker.reply(delivered, b"8")
        ended = await waiting
        assert (ended.state, ended.reply, (await calling).payload) == (SUCCESSFUL, b"8", b"8")
        assert await refused(ann.get_call(to_text(call_id))) == NOT_FOUND  # nobody asks why it succeeded


async def test_waiting_ends_in_time_and_with_the_core(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        call_id = await ann.submit(to_text(s.lamp), "set", timeout_ms=60_000)
        assert (await ann.get_call(call_id, wait_ms=1)).state == QUEUED
        waiting = asyncio.create_task(ann.get_call(call_id, wait_ms=60_000))
        await until(lambda: s.core.core._calls.runner._ends)
        await s.core.core.drain()
        assert await refused(waiting) == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE


async def test_a_queued_call_is_withdrawn_and_a_sent_one_marked(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        queued = await ann.submit(to_text(s.lamp), "set", timeout_ms=60_000)
        done = await ann.cancel_call(queued)
        assert done.result == CancelResult.CANCEL_RESULT_WITHDRAWN
        assert (done.call.state, done.call.outcome) == (FAILED, Outcome.OUTCOME_CANCELLED)
        assert done.call.detail == "Cancelled before the device got it"
        assert (await ann.cancel_call(queued)).result == CancelResult.CANCEL_RESULT_ALREADY_ENDED
        await s.worker.device("lamp")
        sent = await ann.submit(to_text(s.lamp), "set", timeout_ms=60_000)
        delivered = await s.worker.next(Deliver)
        assert delivered.call_id == s.worker.deliveries[0].call_id
        await in_state(ann, sent, DELIVERED)
        done = await ann.cancel_call(sent)
        assert done.result == CancelResult.CANCEL_RESULT_MARKED
        assert done.call.detail == "Cancelled; the device has it or may have it"
        explained = await ann.explain_call(sent)
        assert explained.cause == Cause.CAUSE_CANCELLED and "cancelled" in explained.hint
        s.worker.reply(delivered, b"1")
        while not (late := await ann.get_call(sent)).has_late_reply:
            pass
        assert late.late_reply == b"1"
        assert steps((await ann.explain_call(sent)).timeline)[-1] == Step.STEP_LATE_REPLY


async def test_a_deleted_call_is_gone_whatever_it_did(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        ended = await ann.submit(to_text(s.lamp), "set", timeout_ms=1)
        assert (await ann.get_call(ended, wait_ms=10_000)).state == EXPIRED
        living = await ann.submit(to_text(s.lamp), "set", timeout_ms=60_000)
        waiting = asyncio.create_task(ann.get_call(living, wait_ms=60_000))
        await until(lambda: s.core.core._calls.runner._ends)
        for call_id in (ended, living):
            await ann.delete_call(call_id)
            assert await refused(ann.get_call(call_id)) == NOT_FOUND
            assert await refused(ann.delete_call(call_id)) == NOT_FOUND
            assert await refused(ann.cancel_call(call_id)) == NOT_FOUND
            assert await refused(ann.explain_call(call_id)) == NOT_FOUND
        assert await refused(waiting) == NOT_FOUND
        await s.worker.device("lamp")
        last = await ann.submit(to_text(s.lamp), "last", timeout_ms=60_000)
        assert (await s.worker.next(Deliver)).method == "last"
        assert [call.call_id for call in (await ann.list_calls(to_text(s.lamp))).calls] == [last]


async def test_a_list_is_paged_sorted_searched_and_of_some_states(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        lamp = to_text(s.lamp)
        ids = [await ann.submit(lamp, f"method{n}", b'"x"' if n else b'"Needle"', timeout_ms=60_000) for n in range(5)]
        await ann.cancel_call(ids[1])
        page = await ann.list_calls(lamp, PageRequest(size=2, number=1, sort_by="method"))
        assert ([call.call_id for call in page.calls], page.total) == (ids[2:4], 5)
        found = await ann.list_calls(lamp, PageRequest(text_search="needle"))
        assert [call.call_id for call in found.calls] == ids[:1]
        assert [call.call_id for call in (await ann.list_calls(lamp, states=[FAILED])).calls] == [ids[1]]
        queued = await ann.list_calls(lamp, PageRequest(sort_by="create_time"), [QUEUED])
        assert [call.call_id for call in queued.calls] == [ids[0], *ids[2:]]
        assert not (await ann.list_calls(to_text(s.core.devices["pump"]))).calls


async def test_who_may(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        core, people = s.core, s.core.people
        lamp = to_text(s.lamp)
        customer = user(core, Role.ROLE_CUSTOMER_USER, people.customer_id)
        stranger = User(new_id(), people.other_tenant_id, NO_ID, "eve@example.com", Role.ROLE_TENANT_ADMIN, 1)
        async with (
            client(core, customer) as carl,
            client(core, stranger) as eve,
            client(core, user(core, Role.ROLE_SYS_ADMIN)) as root,
        ):
            call_id = await ann.submit(lamp, "set", timeout_ms=60_000)
            for method in ("get_call", "cancel_call", "explain_call"):
                assert await refused(getattr(carl, method)(call_id)) == NOT_FOUND
                assert await refused(getattr(eve, method)(call_id)) == NOT_FOUND
                assert await refused(getattr(root, method)(call_id)) == DENIED
            assert await refused(carl.delete_call(call_id)) == DENIED
            assert await refused(root.delete_call(call_id)) == DENIED
            assert await refused(eve.delete_call(call_id)) == NOT_FOUND
            assert await refused(carl.list_calls(lamp)) == DENIED
            assert await refused(eve.list_calls(lamp)) == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND
            assert await refused(root.list_calls(lamp)) == DENIED
            given = AssignDeviceRequest(device_id=lamp, customer_id=to_text(people.customer_id))
            await ann.devices.AssignDevice(given)
            assert (await carl.get_call(call_id)).state == QUEUED
            assert (await carl.list_calls(lamp)).total == 1
            assert (await carl.explain_call(call_id)).cause == Cause.CAUSE_DEVICE_OFFLINE
            assert (await carl.cancel_call(call_id)).result == CancelResult.CANCEL_RESULT_WITHDRAWN
            await core.core.devices.delete(people.admin, s.lamp)
            assert await refused(carl.get_call(call_id)) == NOT_FOUND
            assert (await ann.get_call(call_id)).state == FAILED
            assert await refused(ann.list_calls(lamp)) == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND


async def test_what_is_wrong_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path, max_call_watches=1) as (s, ann):
        lamp, unknown = to_text(s.lamp), to_text(new_id())
        for method in (ann.get_call, ann.cancel_call, ann.delete_call, ann.explain_call, ann.list_calls):
            asked: Any = method
            assert await refused(asked("")) == INVALID
            assert await refused(asked("lamp")) == INVALID
        for method in (ann.get_call, ann.cancel_call, ann.delete_call, ann.explain_call):
            asked = method
            assert await refused(asked(unknown)) == NOT_FOUND
        assert await refused(ann.list_calls(unknown)) == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND
        bad_pages = [
            PageRequest(size=10_001),
            PageRequest(sort_by="password"),
            PageRequest(text_search="x" * 256),
            PageRequest(text_search="\x00"),
        ]
        for page in bad_pages:
            assert await refused(ann.list_calls(lamp, page)) == INVALID
        for state in (0, CallState.CALL_STATE_DELETED, 99):
            states: Any = [state]
            assert await refused(ann.list_calls(lamp, states=states)) == INVALID
        for watch in (
            {"device_id": "lamp"},
            {"states": [0]},
            {"states": [99]},
            {"methods": ["x" * 256]},
            {"methods": ["x"] * 101},
        ):
            wrong: Any = watch
            assert await refused(anext(ann.watch_calls(**wrong))) == INVALID
        assert await refused(anext(ann.watch_calls(device_id=unknown))) == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND
        async with aclosing(ann.watch_calls()) as stream:
            await anext(stream)
            assert await refused(anext(ann.watch_calls())) == ErrorReason.ERROR_REASON_QUEUE_FULL
        ann.use_token("")
        assert await refused(ann.get_call(unknown)) == ErrorReason.ERROR_REASON_UNAUTHENTICATED
        assert await refused(anext(ann.watch_calls())) == ErrorReason.ERROR_REASON_UNAUTHENTICATED


async def test_a_store_that_is_down_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        call_id = await ann.submit(to_text(s.lamp), "set", timeout_ms=60_000)
        s.core.break_store()
        down = ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
        for method in (ann.get_call, ann.cancel_call, ann.delete_call, ann.explain_call):
            asked: Any = method
            assert await refused(asked(call_id)) == down
        assert await refused(ann.list_calls(to_text(s.lamp))) == down
        s.core.mend_store()
        assert (await ann.get_call(call_id)).state == QUEUED


async def test_every_change_is_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann), aclosing(ann.watch_calls()) as stream:
        first = await anext(stream)
        assert first.cursor and not first.events and first.WhichOneof("turn") is None
        stored = await ann.submit(to_text(s.lamp), "stored", timeout_ms=60_000)
        (queued,) = await told(stream, 1)
        assert (queued.call_id, queued.device_id, queued.method) == (stored, to_text(s.lamp), "stored")
        assert (queued.kind, queued.persistent, queued.state) == (CallKind.CALL_KIND_TWO_WAY, True, QUEUED)
        await s.worker.device("lamp", EXPLICIT)
        delivered = await s.worker.next(Deliver)
        (sent,) = await told(stream, 1)
        s.worker.report(delivered, DeliveryState.DELIVERY_STATE_DELIVERED)
        s.worker.reply(delivered, b"1")
        acknowledged, ended = await told(stream, 2)
        assert [one.state for one in (sent, acknowledged, ended)] == [SENT, DELIVERED, SUCCESSFUL]
        assert {one.method for one in (sent, acknowledged, ended)} == {"stored"}
        assert (ended.outcome, ended.cause) == (Outcome.OUTCOME_SUCCEEDED, Cause.CAUSE_UNSPECIFIED)
        assert queued.time.ToMilliseconds() <= ended.time.ToMilliseconds() <= unix_ms()
        lightweight = s.call(timeout_ms=200)
        delivered = await s.worker.next(Deliver)
        await lightweight
        s.worker.reply(delivered, b"2")
        events = await told(stream, 4)
        assert {(one.method, one.persistent) for one in events} == {("set", False)}
        assert [(one.state, one.late_reply) for one in events] == [
            (QUEUED, False),
            (SENT, False),
            (EXPIRED, False),
            (EXPIRED, True),
        ]
        await ann.delete_call(stored)
        (deleted,) = await told(stream, 1)
        assert (deleted.call_id, deleted.state, deleted.method) == (stored, CallState.CALL_STATE_DELETED, "stored")


async def test_a_watch_goes_on_behind_its_cursor(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        async with aclosing(ann.watch_calls()) as stream:
            cursor = (await anext(stream)).cursor
        await until(lambda: not len(s.core.core._calls.watches))
        ids = [await ann.submit(to_text(s.lamp), "set", timeout_ms=60_000) for _ in range(3)]
        async with aclosing(ann.watch_calls(cursor, snapshot=True)) as stream:
            assert [one.call_id for one in await told(stream, 3)] == ids
        async with aclosing(ann.watch_calls(cursor)) as stream:
            assert [one.call_id for one in await told(stream, 3)] == ids


async def test_another_start_of_the_core_begins_with_a_snapshot(tmp_path: Path) -> None:
    async with stage(tmp_path, **LONG) as (s, ann):
        async with aclosing(ann.watch_calls()) as stream:
            cursor = (await anext(stream)).cursor
            living = await ann.submit(to_text(s.lamp), "living", timeout_ms=60_000)
            ended = await ann.submit(to_text(s.lamp), "ended", timeout_ms=60_000)
            await ann.cancel_call(ended)
            await told(stream, 3)
        await s.core.stop()
        await s.core.start()
        async with client(s.core, user(s.core)) as again, aclosing(again.watch_calls(cursor)) as stream:
            assert (await anext(stream)).WhichOneof("turn") == "cursor_expired"
            (standing,) = await told(stream, 1)
            assert (standing.call_id, standing.method, standing.state) == (living, "living", QUEUED)
            end = await anext(stream)
            assert end.WhichOneof("turn") == "snapshot_end"
            await again.cancel_call(living)
            (change,) = await told(stream, 1)
            assert (change.call_id, change.method, change.state) == (living, "living", FAILED)
            assert [one.method for one in await names(again, end.cursor)] == ["living"]


async def names(ann: Client, cursor: str) -> list[CallEvent]:
    async with aclosing(ann.watch_calls(cursor, methods=["living"])) as stream:
        return await told(stream, 1)


async def test_a_watch_is_of_some_calls(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        lamp, pump = (to_text(s.core.devices[token]) for token in ("lamp", "pump"))
        async with (
            aclosing(ann.watch_calls(device_id=pump)) as of_pump,
            aclosing(ann.watch_calls(states=[FAILED])) as of_failed,
            aclosing(ann.watch_calls(methods=["a", "b"], snapshot=True)) as of_methods,
        ):
            await anext(of_pump)
            await anext(of_failed)
            assert (await anext(of_methods)).WhichOneof("turn") == "snapshot_end"
            one = await ann.submit(lamp, "a", timeout_ms=60_000)
            two = await ann.submit(pump, "c", timeout_ms=60_000)
            three = await ann.submit(lamp, "b", timeout_ms=60_000)
            await ann.cancel_call(three)
            assert [event.call_id for event in await told(of_pump, 1)] == [two]
            assert [event.call_id for event in await told(of_failed, 1)] == [three]
            assert [event.call_id for event in await told(of_methods, 3)] == [one, three, three]


async def test_customers_hear_only_of_their_devices(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        lamp, pump = (to_text(s.core.devices[token]) for token in ("lamp", "pump"))
        customer = user(s.core, Role.ROLE_CUSTOMER_USER, s.core.people.customer_id)
        stranger = User(new_id(), s.core.people.other_tenant_id, NO_ID, "e@example.com", Role.ROLE_TENANT_ADMIN, 1)
        hidden = await ann.submit(pump, "hidden", timeout_ms=60_000)
        async with client(s.core, customer) as carl, client(s.core, stranger) as eve:
            missing = ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND
            assert await refused(anext(carl.watch_calls(device_id=lamp))) == missing
            assert await refused(anext(eve.watch_calls(device_id=lamp))) == missing
            await ann.devices.AssignDevice(
                AssignDeviceRequest(device_id=lamp, customer_id=to_text(s.core.people.customer_id))
            )
            async with (
                aclosing(carl.watch_calls(snapshot=True)) as stream,
                aclosing(eve.watch_calls(snapshot=True)) as others,
            ):
                assert (await anext(stream)).WhichOneof("turn") == "snapshot_end"
                assert (await anext(others)).WhichOneof("turn") == "snapshot_end"
                await ann.cancel_call(hidden)
                shown = await ann.submit(lamp, "shown", timeout_ms=60_000)
                (event,) = await told(stream, 1)
                assert event.call_id == shown
                await ann.devices.UnassignDevice(UnassignDeviceRequest(device_id=lamp))
                await ann.cancel_call(shown)
                await ann.devices.AssignDevice(
                    AssignDeviceRequest(device_id=pump, customer_id=to_text(s.core.people.customer_id))
                )
                last = await ann.submit(pump, "last", timeout_ms=60_000)
                assert [one.call_id for one in await told(stream, 1)] == [last]


async def test_a_watch_ends_with_its_token_and_with_the_core(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann):
        bob = user(s.core)
        async with client(s.core, bob) as his:
            async with aclosing(his.watch_calls()) as his_stream, aclosing(ann.watch_calls()) as her_stream:
                await anext(his_stream)
                await anext(her_stream)
                await s.core.revocations.revoke_user(bob.id, unix_ms() + 1_000)
                assert await refused(anext(his_stream)) == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
                await s.core.core.drain()
                assert await refused(anext(her_stream)) == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
        await until(lambda: not len(s.core.core._calls.watches))


async def test_what_there_is_to_tell_is_counted(tmp_path: Path) -> None:
    async with stage(tmp_path) as (s, ann), aclosing(ann.watch_calls()) as stream:
        await anext(stream)
        assert (await s.call(timeout_ms=50)).outcome == Outcome.OUTCOME_EXPIRED
        figures = {family.name: family.samples[0].value for family in s.core.core.counters.collect() if family.samples}
        told = ("trunkline_call_watches", "trunkline_call_events", "trunkline_calls_explained")
        assert [figures[name] for name in told] == [1, 2, 1]
