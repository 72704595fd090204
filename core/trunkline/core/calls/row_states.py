"""Where a call stands in the words of the contract: what its row, its record and its events say."""

from collections.abc import Mapping
from typing import Final

from trunkline.core.calls.model import Call, State
from trunkline.v1.call_pb2 import CallState, Outcome

LIVING: Final[Mapping[State, CallState.ValueType]] = {
    State.STORING: CallState.CALL_STATE_QUEUED,
    State.QUEUED: CallState.CALL_STATE_QUEUED,
    State.OFFERED: CallState.CALL_STATE_QUEUED,
    State.UNSURE: CallState.CALL_STATE_QUEUED,
    State.SENT: CallState.CALL_STATE_SENT,
    State.UNACKNOWLEDGED: CallState.CALL_STATE_SENT,
    State.DELIVERED: CallState.CALL_STATE_DELIVERED,
}
"""Of a call that has not ended. The device may have more than this says, never less."""

ENDED: Final[Mapping[Outcome.ValueType, CallState.ValueType]] = {
    Outcome.OUTCOME_SENT: CallState.CALL_STATE_SENT,
    Outcome.OUTCOME_DELIVERED: CallState.CALL_STATE_DELIVERED,
    Outcome.OUTCOME_SUCCEEDED: CallState.CALL_STATE_SUCCESSFUL,
    Outcome.OUTCOME_EXPIRED: CallState.CALL_STATE_EXPIRED,
}
"""By the outcome; all others are FAILED."""

_UNACKNOWLEDGED: Final = State.UNACKNOWLEDGED
_TIMEOUT: Final = CallState.CALL_STATE_TIMEOUT
_FAILED: Final = CallState.CALL_STATE_FAILED


def living_state(call: Call) -> CallState.ValueType:
    """Where a call that has not ended stands. TIMEOUT: its device let the latest acknowledgement
    time out, and it was not sent again yet."""
    state = call.state
    if state is _UNACKNOWLEDGED and call.keeping is not None and call.keeping.overdue:
        return _TIMEOUT
    return LIVING[state]


def ended_state(outcome: Outcome.ValueType) -> CallState.ValueType:
    """Where a call stands that ended so."""
    return ENDED.get(outcome, _FAILED)
