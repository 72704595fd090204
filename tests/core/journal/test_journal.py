from typing import Any

import pytest
from doubles.manual_clock import ManualClock
from doubles.stored_calls import stored_call
from doubles.told_calls import LAMP, TENANT, WorkersSession, lightweight

from trunkline.contract.ids import new_id
from trunkline.core.calls.model import Call, Complete, Redelivery, State, Strategy
from trunkline.core.journal.journal import Journal
from trunkline.core.journal.ring import LONGEST_METHOD, CallEvent
from trunkline.core.journal.timeline import LONGEST_DETAIL, MAX_STEPS, TimelineEntry, read
from trunkline.core.store.call_rows import StoredCall
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome, Step
from trunkline.v1.error_pb2 import Cause, ErrorReason

EXPIRED = ErrorReason.ERROR_REASON_CALL_EXPIRED
QUEUED, SENT, DELIVERED = CallState.CALL_STATE_QUEUED, CallState.CALL_STATE_SENT, CallState.CALL_STATE_DELIVERED


class Told:
    """A journal whose clocks move when told, and what it told."""

    def __init__(self, **bounds: Any) -> None:
        self.clock = ManualClock(1_000)
        self.journal = Journal(now_ns=lambda: (500_000 + self.clock.now) * 1_000_000, clock=self.clock, **bounds)

    @property
    def events(self) -> list[CallEvent]:
        ring = self.journal.ring
        return [ring[number] for number in range(ring.begin, ring.end)]

    @property
    def states(self) -> list[CallState.ValueType]:
        return [event.state for event in self.events]

    def explained(self, call: Call) -> list[TimelineEntry]:
        kept = self.journal.find_explained(TENANT, call.call_id)
        return kept.steps if kept is not None else []


@pytest.fixture
def told() -> Told:
    return Told()


def expired(call: Call, detail: str = "") -> Complete:
    return Complete(call, Outcome.OUTCOME_EXPIRED, b"", EXPIRED, Cause.CAUSE_NO_REPLY, detail)


def steps(timeline: list[TimelineEntry]) -> list[Step.ValueType]:
    return [entry.step for entry in timeline]


def test_a_lightweight_call_that_succeeds_is_told_and_forgotten(told: Told) -> None:
    call, session = lightweight(), WorkersSession()
    told.journal.accepted(call)
    told.clock.advance(1)
    told.journal.routed(call, session)
    told.journal.noted(call, Step.STEP_DELIVERED, session)
    assert told.journal.unsaved(call) == [
        TimelineEntry(501_000, Step.STEP_ACCEPTED),
        TimelineEntry(501_001, Step.STEP_ROUTED, "mqtt-1, session 7"),
        TimelineEntry(501_001, Step.STEP_DELIVERED, "mqtt-1, session 7"),
    ]
    told.journal.ended(Complete(call, Outcome.OUTCOME_SUCCEEDED, b"2"))
    kind = CallKind.CALL_KIND_TWO_WAY
    common = {"tenant_id": TENANT, "device_id": LAMP, "call_id": call.call_id, "method": "set", "kind": kind}
    end = {"outcome": Outcome.OUTCOME_SUCCEEDED, "state": CallState.CALL_STATE_SUCCESSFUL}
    values: Any = {**common, "persistent": False}
    assert told.events == [
        CallEvent(501_000_000_000, **values, state=QUEUED),
        CallEvent(501_001_000_000, **values, state=DELIVERED),
        CallEvent(501_001_000_000, **{**values, **end}),
    ]
    assert told.journal.find_explained(TENANT, call.call_id) is None


def test_a_lightweight_call_that_fails_can_be_explained(told: Told) -> None:
    call = lightweight(redelivery=Redelivery.NEVER)
    told.journal.accepted(call)
    told.clock.advance(10)
    told.journal.ended(expired(call, "d" * 999))
    kept = told.journal.find_explained(TENANT, call.call_id)
    assert kept is not None
    assert (kept.device_id, kept.request_id, kept.method) == (LAMP, call.request_id, "set")
    assert (kept.outcome, kept.reason, kept.cause) == (Outcome.OUTCOME_EXPIRED, EXPIRED, Cause.CAUSE_NO_REPLY)
    assert (kept.create_unix_ms, kept.expire_unix_ms, kept.end_unix_ms) == (501_000, 510_000, 501_010)
    assert (kept.redelivery, kept.persistent, len(kept.detail)) == (Redelivery.NEVER, False, LONGEST_DETAIL)
    assert steps(kept.steps) == [Step.STEP_ACCEPTED, Step.STEP_ENDED]
    assert kept.steps[-1].detail.startswith("EXPIRED, NO_REPLY, ddd")


def test_what_happens_after_its_caller_left_is_explained_and_not_told(told: Told) -> None:
    call, session = lightweight(), WorkersSession()
    told.journal.accepted(call)
    told.journal.routed(call, session)
    told.journal.ended(Complete(call, Outcome.OUTCOME_CANCELLED, b"", EXPIRED, Cause.CAUSE_HUNG_UP))
    call.completed = True
    told.journal.noted(call, Step.STEP_SENT, session)
    told.journal.routed(call, session)
    assert steps(told.explained(call)) == [
        Step.STEP_ACCEPTED,
        Step.STEP_ROUTED,
        Step.STEP_ENDED,
        Step.STEP_SENT,
        Step.STEP_ROUTED,
    ]
    assert told.explained(call)[-1].detail == "mqtt-1, session 7"
    assert told.states == [QUEUED, CallState.CALL_STATE_FAILED]


def test_a_state_that_a_step_does_not_say_is_the_calls_own(told: Told) -> None:
    call = lightweight(state=State.SENT)
    told.journal.accepted(call)
    told.journal.noted(call, Step.STEP_NOT_ACKNOWLEDGED, WorkersSession(), "no PUBACK")
    call.state = State.QUEUED
    told.journal.noted(call, Step.STEP_NOT_SENT)
    told.journal.noted(call, Step.STEP_CANCEL_REQUESTED)
    assert told.states == [QUEUED, SENT, QUEUED]
    assert told.journal.unsaved(call)[1].detail == "mqtt-1, session 7: no PUBACK"


def test_a_lightweight_call_has_a_bounded_timeline(told: Told) -> None:
    call = lightweight()
    told.journal.accepted(call)
    for _ in range(MAX_STEPS):
        told.journal.routed(call, WorkersSession())
        told.journal.noted(call, Step.STEP_SENT)
        told.journal.noted(call, Step.STEP_NOT_SENT, None, "why")
    assert len(told.journal.unsaved(call)) == MAX_STEPS
    assert told.states.count(SENT) == MAX_STEPS  # watchers hear of all
    told.journal.ended(expired(call))
    assert steps(told.explained(call))[-1] == Step.STEP_ENDED


def test_a_long_method_is_cut(told: Told) -> None:
    call = lightweight(method="m" * 300)
    told.journal.accepted(call)
    told.journal.noted(call, Step.STEP_SENT)
    told.journal.ended(expired(call))
    told.journal.late_reply(LAMP, call.request_id, b"1")
    told.journal.removed(TENANT, LAMP, call.call_id, "m" * 300, CallKind.CALL_KIND_TWO_WAY)
    assert {len(event.method) for event in told.events} == {LONGEST_METHOD}
    kept = told.journal.find_explained(TENANT, call.call_id)
    assert kept is not None and len(kept.method) == LONGEST_METHOD


def test_a_late_reply_is_kept_and_told_once(told: Told) -> None:
    call = lightweight()
    told.journal.accepted(call)
    told.journal.late_reply(LAMP, call.request_id, b"too early")
    told.journal.ended(expired(call))
    told.journal.late_reply(LAMP, call.request_id, b"late")
    told.journal.late_reply(LAMP, call.request_id, b"later")
    kept = told.journal.find_explained(TENANT, call.call_id)
    assert kept is not None and kept.late_reply == b"late"
    assert steps(kept.steps)[-2:] == [Step.STEP_ENDED, Step.STEP_LATE_REPLY]
    assert [event.late_reply for event in told.events] == [False, False, True]
    last = told.events[-1]
    assert (last.state, last.outcome, last.call_id) == (
        CallState.CALL_STATE_EXPIRED,
        Outcome.OUTCOME_EXPIRED,
        call.call_id,
    )


def test_a_stored_call_is_told_of_when_it_is_stored(told: Told) -> None:
    call = stored_call(tenant_id=TENANT, device_id=LAMP)
    assert call.keeping is not None
    told.journal.accepted(call)
    assert not told.events
    assert steps(read(told.journal.take_steps(call))) == [Step.STEP_ACCEPTED, Step.STEP_STORED]
    told.journal.stored(call)
    told.journal.routed(call, WorkersSession())
    told.journal.noted(call, Step.STEP_SENT, WorkersSession())
    assert [entry.detail for entry in read(told.journal.take_steps(call))] == ["mqtt-1, session 7"] * 2
    call.state, call.keeping.timeouts, call.keeping.overdue = State.UNACKNOWLEDGED, 1, True
    told.journal.noted(call, Step.STEP_NOT_ACKNOWLEDGED, WorkersSession())
    call.keeping.end = Complete(call, Outcome.OUTCOME_SUCCEEDED, b"1")
    assert steps(read(told.journal.take_steps(call))) == [
        Step.STEP_NOT_ACKNOWLEDGED,
        Step.STEP_REPLIED,
        Step.STEP_ENDED,
    ]
    told.journal.finished(call.keeping.end)
    assert told.states == [QUEUED, SENT, CallState.CALL_STATE_TIMEOUT, CallState.CALL_STATE_SUCCESSFUL]
    assert {event.persistent for event in told.events} == {True}
    assert told.events[-1].outcome == Outcome.OUTCOME_SUCCEEDED
    assert told.journal.find_explained(TENANT, call.call_id) is None


def test_the_answers_to_a_submitter_are_no_ends_but_for_a_refusal(told: Told) -> None:
    accepted, unknown, refused = (stored_call(tenant_id=TENANT, device_id=LAMP) for _ in range(3))
    for call in (accepted, unknown, refused):
        told.journal.accepted(call)
        told.journal.take_steps(call)
    told.journal.ended(Complete(accepted, Outcome.OUTCOME_ACCEPTED))
    told.journal.ended(Complete(unknown, Outcome.OUTCOME_UNKNOWN))
    down = ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    told.journal.ended(Complete(refused, Outcome.OUTCOME_FAILED, b"", down))
    assert not told.events
    assert not told.explained(accepted) and not told.explained(unknown)
    assert refused.keeping is not None
    kept = told.journal.find_explained(TENANT, refused.call_id)
    assert kept is not None and (kept.persistent, kept.reason) == (True, down)
    assert steps(kept.steps) == [Step.STEP_ACCEPTED, Step.STEP_ENDED]
    assert kept.create_unix_ms == refused.keeping.create_unix_ms


def test_what_happens_to_rows_is_told(told: Told) -> None:
    call_id = new_id()
    row = StoredCall(
        tenant_id=TENANT,
        call_id=call_id,
        device_id=LAMP,
        ordinal=1,
        request_id=1,
        kind=CallKind.CALL_KIND_TWO_WAY,
        method="set",
        params=b"1",
        additional_info=b"",
        idempotency_key="",
        strategy=Strategy.BURST,
        redelivery=Redelivery.UNANSWERED,
        retries_asked=None,
        max_retries=5,
        timeouts=0,
        state=CallState.CALL_STATE_EXPIRED,
        outcome=Outcome.OUTCOME_EXPIRED,
        reason=EXPIRED,
        cause=Cause.CAUSE_NO_REPLY,
        detail="",
        reply=None,
        late_reply=None,
        create_unix_ms=1,
        expire_unix_ms=2,
        end_unix_ms=3,
        version=4,
        timeline="",
    )
    told.journal.late_reply_stored(row)
    told.journal.removed(TENANT, LAMP, call_id, "set", CallKind.CALL_KIND_TWO_WAY)
    late, removed = told.events
    assert (late.late_reply, late.persistent, late.state) == (True, True, CallState.CALL_STATE_EXPIRED)
    assert (late.outcome, late.cause) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_NO_REPLY)
    assert (removed.state, removed.call_id) == (CallState.CALL_STATE_DELETED, call_id)
    assert read(told.journal.late_steps()) == [TimelineEntry(501_000, Step.STEP_LATE_REPLY)]


def test_the_bounds_are_the_settings() -> None:
    told = Told(max_events=2, max_explained=1, explain_ms=5)
    one, two = lightweight(), lightweight(request_id=2)
    for call in (one, two):
        told.journal.accepted(call)
        told.journal.ended(expired(call))
    assert len(told.events) == 2
    assert not told.explained(one) and told.explained(two)
    told.clock.advance(5)
    assert not told.explained(two)
