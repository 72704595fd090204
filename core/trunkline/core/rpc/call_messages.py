"""Between RpcService's messages about calls and the core's own values."""

from collections.abc import Iterable, Mapping
from typing import Final, cast

from trunkline.contract.ids import to_text
from trunkline.core.calls.model import REDELIVERY, STRATEGY, Redelivery, Strategy
from trunkline.core.journal.ring import CallEvent
from trunkline.core.journal.timeline import TimelineEntry
from trunkline.core.journal.watch import CallFilter, CallUpdate
from trunkline.core.records.model import CallRecord, Explanation
from trunkline.core.rpc.convert import optional_id, optional_timestamp, timestamp
from trunkline.core.validation import check_length, invalid
from trunkline.v1 import call_pb2, rpc_service_pb2
from trunkline.v1.call_pb2 import CallState

MOST_METHODS: Final = 100
"""That a watch may name."""

_REDELIVERIES: Final[Mapping[Redelivery, call_pb2.Redelivery.ValueType]] = {
    word: cast("call_pb2.Redelivery.ValueType", number) for number, word in REDELIVERY.items() if number
}
_STRATEGIES: Final[Mapping[Strategy | None, call_pb2.SubmitStrategy.ValueType]] = {
    None: call_pb2.SUBMIT_STRATEGY_UNSPECIFIED,  # of lightweight calls
    **{word: cast("call_pb2.SubmitStrategy.ValueType", number) for number, word in STRATEGY.items()},
}
_LAST: Final = CallState.CALL_STATE_FAILED
"""The states from QUEUED to this one are those of rows."""


def call_message(record: CallRecord) -> call_pb2.CallRecord:
    """The call as its service shows it."""
    return call_pb2.CallRecord(
        call_id=to_text(record.call_id),
        tenant_id=to_text(record.tenant_id),
        device_id=to_text(record.device_id),
        kind=record.kind,
        method=record.method,
        params=record.params,
        persistent=record.persistent,
        state=record.state,
        outcome=record.outcome,
        reason=record.reason,
        cause=record.cause,
        detail=record.detail,
        reply=record.reply or b"",
        has_reply=record.reply is not None,
        late_reply=record.late_reply or b"",
        has_late_reply=record.late_reply is not None,
        create_time=timestamp(record.create_unix_ms),
        expire_time=timestamp(record.expire_unix_ms),
        end_time=optional_timestamp(record.end_unix_ms),
        additional_info=record.additional_info,
        retries=record.retries_asked,
        policy=_policy(record),
        request_id=record.request_id,
        timeouts=record.timeouts,
        idempotency_key=record.idempotency_key,
    )


def explanation_message(explanation: Explanation) -> rpc_service_pb2.ExplainCallResponse:
    """What happened to a call, as it is shown."""
    return rpc_service_pb2.ExplainCallResponse(
        call=call_message(explanation.record),
        timeline=[_entry_message(entry) for entry in explanation.timeline],
        cause=explanation.cause,
        hint=explanation.hint,
    )


def update_message(update: CallUpdate) -> rpc_service_pb2.WatchCallsResponse:
    """What a watch tells, as it is shown."""
    return rpc_service_pb2.WatchCallsResponse(
        cursor=update.cursor,
        events=[_event_message(event) for event in update.events],
        cursor_expired=rpc_service_pb2.CursorExpired() if update.expired else None,
        snapshot_end=rpc_service_pb2.SnapshotEnd() if update.snapshot_end else None,
    )


def filter_of(request: rpc_service_pb2.WatchCallsRequest) -> CallFilter:
    """Which calls a watch is about. Raises INVALID_ARGUMENT."""
    if len(request.methods) > MOST_METHODS:
        invalid(f"A watch may name {MOST_METHODS} methods, not {len(request.methods)}", "methods")
    for method in request.methods:
        check_length("methods", method)
    return CallFilter(
        device_id=optional_id(request.device_id, "device_id"),
        states=states_of(request.states, CallState.CALL_STATE_DELETED),
        methods=frozenset(request.methods),
    )


def states_of(
    states: Iterable[CallState.ValueType], last: CallState.ValueType = _LAST
) -> frozenset[CallState.ValueType]:
    """The states that a request names, up to `last`. Raises INVALID_ARGUMENT."""
    named = frozenset(states)
    for state in named:
        if not CallState.CALL_STATE_UNSPECIFIED < state <= last:
            known = CallState.Name(state) if state in CallState.values() else str(state)
            invalid(f"No call is in the state {known}", "states")
    return named


def _policy(record: CallRecord) -> call_pb2.DeliveryPolicy:
    return call_pb2.DeliveryPolicy(strategy=_STRATEGIES[record.strategy], redelivery=_REDELIVERIES[record.redelivery])


def _entry_message(entry: TimelineEntry) -> call_pb2.TimelineEntry:
    return call_pb2.TimelineEntry(time=timestamp(entry.unix_ms), step=entry.step, detail=entry.detail)


def _event_message(event: CallEvent) -> rpc_service_pb2.CallEvent:
    return rpc_service_pb2.CallEvent(
        call_id=to_text(event.call_id),
        device_id=to_text(event.device_id),
        method=event.method,
        kind=event.kind,
        persistent=event.persistent,
        state=event.state,
        outcome=event.outcome,
        cause=event.cause,
        time=timestamp(event.unix_ns // 1_000_000),
        late_reply=event.late_reply,
    )
