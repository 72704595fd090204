"""How calls end: the `Complete` effect of each kind of ending, reason and cause filled in."""

from typing import Final

from trunkline.core.calls.model import Call, Complete
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

IN_TIME: Final = "Cancelled before the device got it"
TOO_LATE: Final = "Cancelled; the device has it or may have it"
NO_RETRY_LEFT: Final = "There was a Timeout and all retry attempts have been exhausted. Retry attempts set: "
"""ThingsBoard's text, as is the next one."""
NO_REPLY_IN_TURN: Final = "There was a timeout awaiting for RPC response from device."


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


def cancelled(call: Call, in_time: bool) -> Complete:
    """Somebody cancelled it."""
    reason, cause = ErrorReason.ERROR_REASON_CALL_CANCELLED, Cause.CAUSE_CANCELLED
    return Complete(call, Outcome.OUTCOME_CANCELLED, b"", reason, cause, IN_TIME if in_time else TOO_LATE)


def not_acknowledged(call: Call, retries: int) -> Complete:
    """The device did not acknowledge it, and no retry is left."""
    reason, cause = ErrorReason.ERROR_REASON_DELIVERY_TIMEOUT, Cause.CAUSE_NO_ACK_FROM_DEVICE
    return failed(call, reason, cause, NO_RETRY_LEFT + str(retries))


def not_answered_in_turn(call: Call) -> Complete:
    """The device got it and did not answer before the next call's turn came."""
    return failed(call, ErrorReason.ERROR_REASON_CALL_EXPIRED, Cause.CAUSE_NO_REPLY_IN_TURN, NO_REPLY_IN_TURN)


def refused_by_transport(call: Call, detail: str) -> Complete:
    """The device's transport could not convert the call, or what the device said."""
    reason, cause = ErrorReason.ERROR_REASON_DEVICE_TRANSPORT_ERROR, Cause.CAUSE_DEVICE_TRANSPORT_ERROR
    return failed(call, reason, cause, detail)
