from dataclasses import replace
from typing import Any

import pytest
from doubles.told_calls import LAMP, TENANT

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.calls.model import REDELIVERY, STRATEGY, Redelivery, Strategy
from trunkline.core.journal.ring import CallEvent
from trunkline.core.journal.timeline import TimelineEntry
from trunkline.core.journal.watch import CallFilter, CallUpdate
from trunkline.core.records.model import CallRecord, Explanation
from trunkline.core.rpc.call_messages import (
    MOST_METHODS,
    call_message,
    explanation_message,
    filter_of,
    states_of,
    update_message,
)
from trunkline.v1 import call_pb2
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome, Step, SubmitStrategy
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import WatchCallsRequest

ID = new_id()
LIVING = CallRecord(
    call_id=ID,
    tenant_id=TENANT,
    device_id=LAMP,
    request_id=7,
    kind=CallKind.CALL_KIND_ONE_WAY,
    method="set",
    params=b"1",
    persistent=False,
    state=CallState.CALL_STATE_SENT,
    redelivery=Redelivery.NEVER,
    create_unix_ms=1_500,
    expire_unix_ms=2_500,
)
ENDED = replace(
    LIVING,
    persistent=True,
    state=CallState.CALL_STATE_FAILED,
    outcome=Outcome.OUTCOME_FAILED,
    reason=ErrorReason.ERROR_REASON_DELIVERY_TIMEOUT,
    cause=Cause.CAUSE_NO_ACK_FROM_DEVICE,
    detail="why",
    reply=b"",
    late_reply=b"9",
    end_unix_ms=3_500,
    additional_info=b"{}",
    strategy=Strategy.ON_ACK,
    retries_asked=0,
    timeouts=2,
    idempotency_key="k",
)
EVENT = CallEvent(
    4_000_000_000,
    TENANT,
    LAMP,
    ID,
    "set",
    CallKind.CALL_KIND_TWO_WAY,
    True,
    CallState.CALL_STATE_EXPIRED,
    Outcome.OUTCOME_EXPIRED,
    Cause.CAUSE_NO_REPLY,
    True,
)


def test_a_living_lightweight_call() -> None:
    message = call_message(LIVING)
    assert (message.call_id, message.tenant_id, message.device_id) == (to_text(ID), to_text(TENANT), to_text(LAMP))
    assert (message.kind, message.method, message.params) == (CallKind.CALL_KIND_ONE_WAY, "set", b"1")
    assert (message.state, message.outcome, message.persistent) == (CallState.CALL_STATE_SENT, 0, False)
    assert (message.create_time.ToMilliseconds(), message.expire_time.ToMilliseconds()) == (1_500, 2_500)
    assert not any(message.HasField(field) for field in ("end_time", "retries"))
    assert (message.has_reply, message.has_late_reply, message.request_id) == (False, False, 7)
    assert message.policy == call_pb2.DeliveryPolicy(redelivery=call_pb2.REDELIVERY_NEVER)


def test_a_stored_call_that_ended() -> None:
    message = call_message(ENDED)
    assert (message.outcome, message.reason, message.cause) == (ENDED.outcome, ENDED.reason, ENDED.cause)
    assert (message.detail, message.timeouts, message.idempotency_key) == ("why", 2, "k")
    assert (message.has_reply, message.reply, message.has_late_reply, message.late_reply) == (True, b"", True, b"9")
    assert message.end_time.ToMilliseconds() == 3_500
    assert (message.HasField("retries"), message.retries, message.additional_info) == (True, 0, b"{}")
    assert message.policy.strategy == SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE


def test_every_policy_has_its_number() -> None:
    for number, strategy in STRATEGY.items():
        assert call_message(replace(ENDED, strategy=strategy)).policy.strategy == number
    for number, redelivery in list(REDELIVERY.items())[1:]:
        assert call_message(replace(ENDED, redelivery=redelivery)).policy.redelivery == number


def test_an_explanation() -> None:
    timeline = [TimelineEntry(1, Step.STEP_ACCEPTED), TimelineEntry(2, Step.STEP_WAITING, "device offline")]
    message = explanation_message(Explanation(LIVING, timeline, Cause.CAUSE_DEVICE_OFFLINE, "wait"))
    assert (message.cause, message.hint) == (Cause.CAUSE_DEVICE_OFFLINE, "wait")
    assert message.call == call_message(LIVING)
    told = [(entry.time.ToMilliseconds(), entry.step, entry.detail) for entry in message.timeline]
    assert told == [(1, Step.STEP_ACCEPTED, ""), (2, Step.STEP_WAITING, "device offline")]


def test_updates() -> None:
    message = update_message(CallUpdate("1", [EVENT]))
    (event,) = message.events
    assert (message.cursor, message.WhichOneof("turn")) == ("1", None)
    assert (event.call_id, event.device_id, event.method) == (to_text(ID), to_text(LAMP), "set")
    assert (event.kind, event.persistent, event.state) == (EVENT.kind, True, EVENT.state)
    assert (event.outcome, event.cause, event.late_reply) == (EVENT.outcome, EVENT.cause, True)
    assert event.time.ToMilliseconds() == 4_000
    assert update_message(CallUpdate("1", expired=True)).WhichOneof("turn") == "cursor_expired"
    assert update_message(CallUpdate("1", snapshot_end=True)).WhichOneof("turn") == "snapshot_end"


def test_filters() -> None:
    assert filter_of(WatchCallsRequest()) == CallFilter()
    states = [CallState.CALL_STATE_DELETED, CallState.CALL_STATE_QUEUED]
    request = WatchCallsRequest(device_id=to_text(LAMP), states=states, methods=["a", "b", "a"])
    assert filter_of(request) == CallFilter(LAMP, frozenset(states), frozenset("ab"))
    wrong: list[dict[str, Any]] = [
        {"device_id": "lamp"},
        {"states": [0]},
        {"states": [99]},
        {"methods": ["m" * 256]},
        {"methods": ["m"] * (MOST_METHODS + 1)},
    ]
    for fields in wrong:
        with pytest.raises(TrunklineError) as refused:
            filter_of(WatchCallsRequest(**fields))
        assert refused.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
        assert refused.value.metadata == {"field": next(iter(fields))}


def test_the_states_of_rows() -> None:
    rows = [state for state in CallState.values() if state not in (0, CallState.CALL_STATE_DELETED)]
    assert states_of(rows) == frozenset(rows)
    for state, named in ((CallState.CALL_STATE_DELETED, "CALL_STATE_DELETED"), (0, "UNSPECIFIED"), (-1, "-1")):
        with pytest.raises(TrunklineError, match=named):
            states_of([*rows, state])  # type: ignore[list-item]  # a number that is no state, as the wire may bring it
