"""Each kind of ending has its outcome and reason."""

from trunkline.core.calls.endings import expired, failed, hung_up, unknown
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
