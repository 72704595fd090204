"""Each kind of ending has its outcome and reason."""

from trunkline.core.calls.endings import (
    IN_TIME,
    TOO_LATE,
    cancelled,
    expired,
    failed,
    hung_up,
    not_acknowledged,
    not_answered_in_turn,
    refused_by_transport,
    unknown,
)
from trunkline.core.calls.model import Call
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

CALL = Call(b"c", b"d", b"t", CallKind.CALL_KIND_TWO_WAY, "m", b"{}", 1000, None)


def test_each_ending_says_what_it_is() -> None:
    gone = expired(CALL, Cause.CAUSE_NO_REPLY)
    assert (gone.outcome, gone.reason) == (Outcome.OUTCOME_EXPIRED, ErrorReason.ERROR_REASON_CALL_EXPIRED)
    lost = unknown(CALL, Cause.CAUSE_WORKER_LOST)
    assert (lost.outcome, lost.reason) == (Outcome.OUTCOME_UNKNOWN, ErrorReason.ERROR_REASON_OUTCOME_UNKNOWN)
    left = hung_up(CALL)
    assert (left.outcome, left.reason) == (Outcome.OUTCOME_CANCELLED, ErrorReason.ERROR_REASON_CALL_CANCELLED)
    assert left.cause == Cause.CAUSE_HUNG_UP
    broken = failed(CALL, ErrorReason.ERROR_REASON_QUEUE_FULL, Cause.CAUSE_QUEUE_FULL, "why")
    assert (broken.outcome, broken.cause, broken.detail) == (Outcome.OUTCOME_FAILED, Cause.CAUSE_QUEUE_FULL, "why")
    assert all(ending.call is CALL and ending.payload == b"" for ending in (gone, lost, left, broken))


def test_the_endings_of_cancels_and_stored_calls_say_what_people_read() -> None:
    in_time, too_late = cancelled(CALL, True), cancelled(CALL, False)
    assert in_time.outcome == too_late.outcome == Outcome.OUTCOME_CANCELLED
    assert in_time.cause == too_late.cause == Cause.CAUSE_CANCELLED
    assert (in_time.detail, too_late.detail) == (IN_TIME, TOO_LATE)
    ignored = not_acknowledged(CALL, 3)
    assert (ignored.outcome, ignored.cause) == (Outcome.OUTCOME_FAILED, Cause.CAUSE_NO_ACK_FROM_DEVICE)
    assert ignored.detail == "There was a Timeout and all retry attempts have been exhausted. Retry attempts set: 3"
    silent = not_answered_in_turn(CALL)
    assert (silent.outcome, silent.cause) == (Outcome.OUTCOME_FAILED, Cause.CAUSE_NO_REPLY_IN_TURN)
    assert silent.detail == "There was a timeout awaiting for RPC response from device."
    unreadable = refused_by_transport(CALL, "no JSON")
    assert (unreadable.cause, unreadable.detail) == (Cause.CAUSE_DEVICE_TRANSPORT_ERROR, "no JSON")
