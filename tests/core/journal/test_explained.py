from typing import Any

import pytest
from doubles.told_calls import LAMP, TENANT, lightweight

from trunkline.contract.ids import new_id
from trunkline.core.calls.model import Redelivery
from trunkline.core.journal import explained
from trunkline.core.journal.explained import ExplainedCall, ExplainedCalls
from trunkline.core.journal.timeline import MAX_STEPS, TimelineEntry
from trunkline.v1.call_pb2 import CallKind, Outcome, Step
from trunkline.v1.error_pb2 import Cause, ErrorReason

LATE = TimelineEntry(9, Step.STEP_LATE_REPLY)


def ended(at_ms: int, **values: Any) -> ExplainedCall:
    call: dict[str, Any] = {
        "tenant_id": TENANT,
        "call_id": new_id(),
        "device_id": LAMP,
        "request_id": at_ms,
        "kind": CallKind.CALL_KIND_TWO_WAY,
        "method": "set",
        "redelivery": Redelivery.UNANSWERED,
        "persistent": False,
        "outcome": Outcome.OUTCOME_EXPIRED,
        "reason": ErrorReason.ERROR_REASON_CALL_EXPIRED,
        "cause": Cause.CAUSE_NO_REPLY,
        "detail": "",
        "create_unix_ms": 0,
        "expire_unix_ms": at_ms,
        "end_unix_ms": at_ms,
        "steps": [],
    }
    return ExplainedCall(**(call | values))


def test_calls_are_kept_for_a_while() -> None:
    calls = ExplainedCalls(10, keep_ms=100)
    one = ended(1)
    calls.keep(one)
    assert calls.find(TENANT, one.call_id, 100) is one
    assert calls.find(b"another tenant..", one.call_id, 100) is None
    assert calls.find(TENANT, one.call_id, 101) is None
    assert not len(calls) and calls.add_late_reply(LAMP, 1, b"", LATE) is None


def test_the_oldest_make_room() -> None:
    calls = ExplainedCalls(2, keep_ms=100)
    kept = [ended(number) for number in range(1, 4)]
    for one in kept:
        calls.keep(one)
    assert [calls.find(TENANT, one.call_id, 3) for one in kept] == [None, *kept[1:]]


def test_none_are_kept_where_none_may_be() -> None:
    calls = ExplainedCalls(0, keep_ms=100)
    calls.keep(ended(1))
    assert not len(calls)


def test_an_id_used_again_means_the_later_call() -> None:
    calls = ExplainedCalls(10, keep_ms=100)
    first = ended(1)
    second = ended(2, call_id=first.call_id)
    calls.keep(first)
    calls.keep(second)
    assert calls.find(TENANT, first.call_id, 3) is second
    assert calls.add_late_reply(LAMP, 1, b"1", LATE) is None  # that one is forgotten
    calls.add(lightweight(call_id=first.call_id, request_id=1), LATE)
    assert not second.steps


def test_what_happens_after_the_end_is_added_up_to_a_bound() -> None:
    calls = ExplainedCalls(10, keep_ms=100)
    one = ended(1)
    calls.keep(one)
    step = TimelineEntry(2, Step.STEP_DELIVERED)
    for _ in range(MAX_STEPS + 1):
        calls.add(lightweight(call_id=one.call_id, request_id=1), step)
    assert one.steps == [step] * MAX_STEPS


def test_the_first_late_reply_is_kept() -> None:
    calls = ExplainedCalls(10, keep_ms=100)
    one = ended(1)
    calls.keep(one)
    assert calls.add_late_reply(LAMP, 2, b"1", LATE) is None
    assert calls.add_late_reply(LAMP, 1, b"", LATE) is one
    assert calls.add_late_reply(LAMP, 1, b"2", LATE) is None
    assert (one.late_reply, one.steps) == (b"", [LATE])


def test_late_replies_have_a_bound_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explained, "MAX_REPLY_BYTES", 10)
    calls = ExplainedCalls(10, keep_ms=100)
    kept = [ended(number) for number in range(1, 4)]
    for one in kept:
        calls.keep(one)
        assert calls.add_late_reply(LAMP, one.request_id, b"12345", LATE) is one
    assert [calls.find(TENANT, one.call_id, 3) for one in kept] == [None, *kept[1:]]
    last = ended(4)
    calls.keep(last)
    calls.add_late_reply(LAMP, 4, b"far too long", LATE)
    assert not len(calls)
