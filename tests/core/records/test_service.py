"""Calls at the moments at which they change. Who may ask, and what is wrong, is in rpc/test_call_methods.py."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from doubles.living_core import until
from doubles.scene import LONG, SHORT, Scene, scene

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import Deliver, Persistence, Withdraw
from trunkline.core.calls.model import Call, State
from trunkline.core.records.model import CallRecord
from trunkline.core.records.service import CallRecords
from trunkline.core.store.call_rows import StoredCall
from trunkline.core.store.pages import Page
from trunkline.v1.call_pb2 import CallState, Outcome, Step
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import CancelResult
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState

EXPLICIT = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
NOT_FOUND = ErrorReason.ERROR_REASON_CALL_NOT_FOUND
MARKED, WITHDRAWN = CancelResult.CANCEL_RESULT_MARKED, CancelResult.CANCEL_RESULT_WITHDRAWN
ALREADY_ENDED = CancelResult.CANCEL_RESULT_ALREADY_ENDED


class Desk:
    """A scene, and its tenant's administrator who asks for calls."""

    def __init__(self, s: Scene) -> None:
        self.s = s
        self.admin = s.core.people.admin

    @property
    def records(self) -> CallRecords:
        return self.s.core.core._calls.records

    async def submit(self, **call: Any) -> bytes:
        """Store a call for the lamp; its id."""
        result = await self.s.call(persistence=Persistence(), **call)
        assert result.outcome == Outcome.OUTCOME_ACCEPTED
        return result.call_id

    async def get(self, call_id: bytes, wait_ms: int = 0) -> CallRecord:
        return await self.records.get(self.admin, call_id, wait_ms)

    async def cancel(self, call_id: bytes) -> tuple[CancelResult.ValueType, CallRecord]:
        return await self.records.cancel(self.admin, call_id)

    async def lacks(self, call_id: bytes) -> Cause.ValueType:
        return (await self.records.explain(self.admin, call_id)).cause

    def is_living(self, call_id: bytes) -> bool:
        return self.s.core.core._calls.runner.living_call(self.admin.tenant_id, call_id) is not None

    def living(self, call_id: bytes) -> Call:
        call = self.s.core.core._calls.runner.living_call(self.admin.tenant_id, call_id)
        assert call is not None
        return call


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with scene("memory", tmp_path, **SHORT) as s:
        yield Desk(s)


async def reason(asked: Any) -> ErrorReason.ValueType:
    with pytest.raises(TrunklineError) as refused:
        await asked
    return refused.value.reason


async def test_what_a_living_call_lacks(desk: Desk) -> None:
    stored = await desk.submit()
    lightweight = new_id()
    waiting = desk.s.call(call_id=lightweight)
    await until(lambda: desk.is_living(lightweight))
    calls = (stored, lightweight)
    for call_id in calls:
        assert await desk.lacks(call_id) == Cause.CAUSE_DEVICE_OFFLINE
    session = desk.s.worker.connect("lamp", max_inflight=1)
    await until(lambda: desk.s.core.core.links.sessions)
    for call_id in calls:
        assert await desk.lacks(call_id) == Cause.CAUSE_DEVICE_NOT_SUBSCRIBED
    desk.s.worker.subscribe(session, EXPLICIT)
    first = await desk.s.worker.next(Deliver)
    mine, others = (stored, lightweight) if first.call_id == stored else (lightweight, stored)
    assert await desk.lacks(others) == Cause.CAUSE_DEVICE_BUSY
    await until(lambda: desk.living(mine).state is State.SENT)
    assert await desk.lacks(mine) == Cause.CAUSE_NO_REPLY
    desk.s.worker.report(first, DeliveryState.DELIVERY_STATE_DELIVERED)
    desk.s.worker.reply(first)
    second = await desk.s.worker.next(Deliver)
    desk.s.worker.reply(second)
    await waiting
    assert (await desk.get(stored, 10_000)).outcome == Outcome.OUTCOME_SUCCEEDED


async def test_a_call_whose_worker_says_nothing(desk: Desk) -> None:
    await desk.s.worker.device("lamp", EXPLICIT)
    desk.s.worker.network.wires[-1].deaf.set()
    call_id = await desk.submit()
    await desk.s.worker.next(Deliver)
    assert await desk.lacks(call_id) == Cause.CAUSE_NO_ACK_FROM_WORKER
    desk.records._store_wait_ms = 20
    result, record = await desk.cancel(call_id)  # nobody answers in time
    assert (result, record.state, record.end_unix_ms) == (MARKED, CallState.CALL_STATE_QUEUED, 0)
    explained = await desk.records.explain(desk.admin, call_id)
    assert explained.timeline[-1].step == Step.STEP_CANCEL_REQUESTED


async def test_a_call_that_its_worker_still_holds_is_withdrawn(desk: Desk) -> None:
    desk.s.worker.refuses = True
    await desk.s.worker.device("lamp", EXPLICIT)
    call_id = await desk.submit()
    result, record = await desk.cancel(call_id)
    assert (result, record.outcome) == (WITHDRAWN, Outcome.OUTCOME_CANCELLED)


async def test_a_reply_that_is_quicker_than_the_cancellation(desk: Desk) -> None:
    await desk.s.worker.device("lamp", EXPLICIT)
    call_id = await desk.submit()
    delivered = await desk.s.worker.next(Deliver)
    desk.s.core.hold_store()
    desk.s.worker.reply(delivered, b"1")
    keeping = desk.living(call_id).keeping
    assert keeping is not None
    await until(lambda: keeping.end)
    desk.s.core.mend_store()
    result, record = await desk.cancel(call_id)
    assert (result, record.outcome, record.reply) == (ALREADY_ENDED, Outcome.OUTCOME_SUCCEEDED, b"1")
    assert not desk.s.worker.has(Withdraw)


async def test_a_call_before_its_turn_is_withdrawn(desk: Desk) -> None:
    call_id = new_id()
    calling = desk.s.call(call_id=call_id)
    await until(lambda: desk.is_living(call_id))
    result, record = await desk.cancel(call_id)
    assert (result, record.outcome, record.cause) == (WITHDRAWN, Outcome.OUTCOME_CANCELLED, Cause.CAUSE_CANCELLED)
    assert (await calling).outcome == Outcome.OUTCOME_CANCELLED


async def test_an_end_that_the_store_does_not_take_is_no_end(desk: Desk) -> None:
    call_id = await desk.submit()
    rows = desk.s.core.core._store.calls
    row = await rows.find(desk.admin.tenant_id, call_id)
    desk.s.core.break_store()

    async def remembered(*_: object) -> StoredCall | None:
        return row

    vars(rows)["find"] = remembered  # reads go on, writes do not
    desk.records._store_wait_ms = 20
    assert await reason(desk.cancel(call_id)) == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    del vars(rows)["find"]
    desk.s.core.mend_store()
    assert (await desk.get(call_id, 10_000)).outcome == Outcome.OUTCOME_CANCELLED


async def test_two_who_delete_at_once(desk: Desk) -> None:
    call_id = await desk.submit()
    delete = desk.records.delete
    results = await asyncio.gather(*(delete(desk.admin, call_id) for _ in range(2)), return_exceptions=True)
    (refused,) = [result for result in results if result is not None]
    assert isinstance(refused, TrunklineError) and refused.reason == NOT_FOUND
    assert not desk.s.core.core._calls.runner.living
    events = desk.s.core.core._calls.journal.ring
    states = [events[number].state for number in range(events.end)]
    assert states == [CallState.CALL_STATE_QUEUED, CallState.CALL_STATE_DELETED]


async def test_a_living_call_without_its_row_is_forgotten(desk: Desk) -> None:
    call_id = await desk.submit()
    await desk.s.core.core._store.calls.delete(desk.admin.tenant_id, call_id)  # as after a commit without an answer
    assert await reason(desk.records.delete(desk.admin, call_id)) == NOT_FOUND
    assert not desk.s.core.core._calls.runner.living


async def test_a_delivered_call_that_is_deleted_is_withdrawn(desk: Desk) -> None:
    await desk.s.worker.device("lamp", EXPLICIT)
    desk.s.worker.network.wires[-1].deaf.set()
    call_id = await desk.submit()
    delivered = await desk.s.worker.next(Deliver)
    await desk.records.delete(desk.admin, call_id)
    assert (await desk.s.worker.next(Withdraw)).request_id == delivered.request_id
    assert await reason(desk.get(call_id)) == NOT_FOUND


async def test_a_refused_call_can_be_explained(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **LONG) as s:
        call_id = new_id()
        result = await s.call(call_id=call_id, fail_fast=True)
        assert (result.call_id, result.cause) == (call_id, Cause.CAUSE_DEVICE_OFFLINE)
        explained = await Desk(s).records.explain(s.core.people.admin, call_id)
        assert (explained.cause, explained.record.outcome) == (result.cause, Outcome.OUTCOME_FAILED)
        assert "never connected" in explained.hint


async def test_the_device_may_be_gone_when_somebody_asks(desk: Desk) -> None:
    call_id = await desk.submit(timeout_ms=100)
    assert (await desk.get(call_id, 10_000)).cause == Cause.CAUSE_DEVICE_OFFLINE
    await desk.s.core.core.devices.delete(desk.admin, desk.s.lamp)
    assert "not connected" in (await desk.records.explain(desk.admin, call_id)).hint


async def test_a_page_shows_calls_as_they_are_now(desk: Desk) -> None:
    await desk.s.worker.device("lamp", EXPLICIT)
    call_id = await desk.submit()
    await desk.s.worker.next(Deliver)
    await until(lambda: desk.living(call_id).state is State.SENT)
    page = await desk.records.page(desk.admin, desk.s.lamp, Page(), ())
    assert [(record.call_id, record.state) for record in page.items] == [(call_id, CallState.CALL_STATE_SENT)]
