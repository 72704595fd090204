"""A stored call as the row that is to be written of it."""

from typing import Any, Final

from trunkline.core.calls.model import Call, Keeping
from trunkline.core.calls.row_states import ended_state, living_state
from trunkline.core.store.call_rows import CallChange, CallKey, NewCall
from trunkline.v1.call_pb2 import Outcome

_SUCCEEDED: Final = Outcome.OUTCOME_SUCCEEDED


def key_of(call: Call) -> CallKey:
    """What identifies the call's row."""
    return call.tenant_id, call.call_id


def new_row(call: Call, keeping: Keeping, timeline: str, end_unix_ms: int) -> NewCall:
    """The row to insert. `end_unix_ms`: when the call ended, if it did."""
    return NewCall(
        tenant_id=call.tenant_id,
        call_id=call.call_id,
        device_id=call.device_id,
        ordinal=keeping.ordinal,
        request_id=call.request_id,
        kind=call.kind,
        method=call.method,
        params=call.params,
        additional_info=keeping.additional_info,
        idempotency_key=keeping.idempotency_key,
        strategy=keeping.strategy,
        redelivery=call.redelivery,
        retries_asked=keeping.retries_asked,
        max_retries=keeping.max_retries,
        create_unix_ms=keeping.create_unix_ms,
        expire_unix_ms=keeping.expire_unix_ms,
        timeline=_text(timeline),
        **_standing(call, keeping, end_unix_ms),
    )


def changed_row(call: Call, keeping: Keeping, steps: str, end_unix_ms: int) -> CallChange:
    """What the row shall say from now on. `end_unix_ms`: when the call ended, if it did."""
    return CallChange(
        tenant_id=call.tenant_id, call_id=call.call_id, steps=_text(steps), **_standing(call, keeping, end_unix_ms)
    )


def _standing(call: Call, keeping: Keeping, end_unix_ms: int) -> dict[str, Any]:
    """What changes in a call's life."""
    end = keeping.end
    if end is None:
        return {"version": keeping.version, "state": living_state(call), "timeouts": keeping.timeouts}
    return {
        "version": keeping.version,
        "state": ended_state(end.outcome),
        "timeouts": keeping.timeouts,
        "outcome": end.outcome,
        "reason": end.reason,
        "cause": end.cause,
        "detail": _text(end.detail),
        "reply": end.payload if end.outcome == _SUCCEEDED else None,
        "end_unix_ms": end_unix_ms,
    }


def _text(text: str) -> str:
    """Text that every database takes: what devices and their transports say may hold anything."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
