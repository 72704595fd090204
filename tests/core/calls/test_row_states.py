from typing import Any

from doubles.stored_calls import stored_call
from doubles.told_calls import LAMP, TENANT, lightweight

from trunkline.core.calls.model import State
from trunkline.core.calls.row_states import LIVING, ended_state, living_state
from trunkline.v1.call_pb2 import CallState, Outcome


def test_every_state_has_its_word() -> None:
    assert LIVING.keys() == set(State)
    assert {state: living_state(lightweight(state=state)) for state in State} == LIVING


def test_an_acknowledgement_that_did_not_come_is_a_timeout_until_the_call_is_sent_again() -> None:
    kept: dict[str, Any] = {"tenant_id": TENANT, "device_id": LAMP, "keeping": {"timeouts": 1, "overdue": True}}
    call = stored_call(state=State.UNACKNOWLEDGED, **kept)
    assert living_state(call) == CallState.CALL_STATE_TIMEOUT
    call.state = State.SENT
    assert living_state(call) == CallState.CALL_STATE_SENT
    assert call.keeping is not None
    call.state, call.keeping.overdue = State.UNACKNOWLEDGED, False
    assert living_state(call) == CallState.CALL_STATE_SENT


def test_every_outcome_has_its_word() -> None:
    words = {outcome: ended_state(outcome) for outcome in Outcome.values() if outcome}
    failed = {Outcome.OUTCOME_FAILED, Outcome.OUTCOME_UNKNOWN, Outcome.OUTCOME_CANCELLED, Outcome.OUTCOME_ACCEPTED}
    assert {outcome for outcome, word in words.items() if word == CallState.CALL_STATE_FAILED} == failed
    assert words[Outcome.OUTCOME_SUCCEEDED] == CallState.CALL_STATE_SUCCESSFUL
    assert words[Outcome.OUTCOME_EXPIRED] == CallState.CALL_STATE_EXPIRED
    assert words[Outcome.OUTCOME_DELIVERED] == CallState.CALL_STATE_DELIVERED
    assert words[Outcome.OUTCOME_SENT] == CallState.CALL_STATE_SENT
