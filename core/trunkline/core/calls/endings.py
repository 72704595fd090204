"""How calls end: the `Complete` effect of each kind of ending, reason and cause filled in."""

from trunkline.core.calls.model import Call, Complete
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason


def expired(call: Call, cause: Cause.ValueType) -> Complete:
    """The deadline passed; the cause says what was missing."""
    return Complete(call, Outcome.OUTCOME_EXPIRED, b"", ErrorReason.ERROR_REASON_CALL_EXPIRED, cause)


def failed(call: Call, reason: ErrorReason.ValueType, cause: Cause.ValueType, detail: str = "") -> Complete:
    """It will not be done."""
    return Complete(call, Outcome.OUTCOME_FAILED, b"", reason, cause, detail)


def unknown(call: Call, cause: Cause.ValueType) -> Complete:
    """It may have reached the device; nobody can tell."""
    return Complete(call, Outcome.OUTCOME_UNKNOWN, b"", ErrorReason.ERROR_REASON_OUTCOME_UNKNOWN, cause)


def hung_up(call: Call) -> Complete:
    """The caller went away before the outcome."""
    return Complete(call, Outcome.OUTCOME_CANCELLED, b"", ErrorReason.ERROR_REASON_CALL_CANCELLED, Cause.CAUSE_HUNG_UP)
