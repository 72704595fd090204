"""A call as it is read later, wherever that is known from: the store, the memory of living calls, or the journal."""

from dataclasses import dataclass

from trunkline.core.calls.model import Call, Complete, Redelivery, Strategy
from trunkline.core.calls.row_states import ended_state, living_state
from trunkline.core.journal.explained import ExplainedCall
from trunkline.core.journal.timeline import TimelineEntry
from trunkline.core.store.call_rows import StoredCall
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as it stands. Times are Unix milliseconds."""

    call_id: bytes
    tenant_id: bytes
    device_id: bytes
    request_id: int
    kind: CallKind.ValueType
    method: str
    params: bytes
    """Not kept of a lightweight call that ended."""
    persistent: bool
    state: CallState.ValueType
    redelivery: Redelivery
    create_unix_ms: int
    expire_unix_ms: int
    outcome: Outcome.ValueType = Outcome.OUTCOME_UNSPECIFIED
    """Unspecified while it lives, as reason and cause are."""
    reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_UNSPECIFIED
    cause: Cause.ValueType = Cause.CAUSE_UNSPECIFIED
    detail: str = ""
    reply: bytes | None = None
    late_reply: bytes | None = None
    """A reply that came after the end."""
    end_unix_ms: int = 0
    """0: it lives."""
    # Of stored calls only.
    additional_info: bytes = b""
    strategy: Strategy | None = None
    retries_asked: int | None = None
    timeouts: int = 0
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened to a call."""

    record: CallRecord
    timeline: list[TimelineEntry]
    """Oldest first."""
    cause: Cause.ValueType
    """Why it ended without success, or what it lacks now."""
    hint: str
    """What that means and what to do, for people."""


def of_row(row: StoredCall, living: Call | None = None) -> CallRecord:
    """What the store says. What is written behind is taken from the living call; its end is told by the row alone."""
    state, timeouts = row.state, row.timeouts
    if living is not None and living.keeping is not None and not row.end_unix_ms:
        state, timeouts = living_state(living), living.keeping.timeouts
    return CallRecord(
        call_id=row.call_id,
        tenant_id=row.tenant_id,
        device_id=row.device_id,
        request_id=row.request_id,
        kind=row.kind,
        method=row.method,
        params=row.params,
        persistent=True,
        state=state,
        redelivery=row.redelivery,
        create_unix_ms=row.create_unix_ms,
        expire_unix_ms=row.expire_unix_ms,
        outcome=row.outcome,
        reason=row.reason,
        cause=row.cause,
        detail=row.detail,
        reply=row.reply,
        late_reply=row.late_reply,
        end_unix_ms=row.end_unix_ms,
        additional_info=row.additional_info,
        strategy=row.strategy,
        retries_asked=row.retries_asked,
        timeouts=timeouts,
        idempotency_key=row.idempotency_key,
    )


def of_call(call: Call, *, created_unix_ms: int, now_unix_ms: int, left_ms: int, end: Complete | None) -> CallRecord:
    """A lightweight call that lives, or has just ended so; `left_ms` is what is left of its time."""
    return CallRecord(
        call_id=call.call_id,
        tenant_id=call.tenant_id,
        device_id=call.device_id,
        request_id=call.request_id,
        kind=call.kind,
        method=call.method,
        params=call.params,
        persistent=False,
        state=living_state(call) if end is None else ended_state(end.outcome),
        redelivery=call.redelivery,
        create_unix_ms=created_unix_ms,
        expire_unix_ms=now_unix_ms + left_ms,
        outcome=end.outcome if end is not None else Outcome.OUTCOME_UNSPECIFIED,
        reason=end.reason if end is not None else ErrorReason.ERROR_REASON_UNSPECIFIED,
        cause=end.cause if end is not None else Cause.CAUSE_UNSPECIFIED,
        detail=end.detail if end is not None else "",
        reply=end.payload if end is not None and end.outcome == Outcome.OUTCOME_SUCCEEDED else None,
        end_unix_ms=now_unix_ms if end is not None else 0,
    )


def of_explained(call: ExplainedCall) -> CallRecord:
    """What the journal keeps of a call that failed."""
    return CallRecord(
        call_id=call.call_id,
        tenant_id=call.tenant_id,
        device_id=call.device_id,
        request_id=call.request_id,
        kind=call.kind,
        method=call.method,
        params=b"",
        persistent=call.persistent,
        state=ended_state(call.outcome),
        redelivery=call.redelivery,
        create_unix_ms=call.create_unix_ms,
        expire_unix_ms=call.expire_unix_ms,
        outcome=call.outcome,
        reason=call.reason,
        cause=call.cause,
        detail=call.detail,
        late_reply=call.late_reply,
        end_unix_ms=call.end_unix_ms,
    )
