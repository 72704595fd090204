"""Calls in ThingsBoard's shape, which calls them RPCs, and what we tell of them besides.

JSON that callers and devices wrote (`response`, `additionalInfo`) goes into an answer as it came. That is why these are
structs of msgspec, which puts such text in without building it; a page may have thousands of them.
"""

from typing import Final, Self

import msgspec

from trunkline.contract import json_text
from trunkline.contract.errors import cause_name
from trunkline.facade.reply_json import readable_json
from trunkline.v1.call_pb2 import (
    CALL_KIND_ONE_WAY,
    CallRecord,
    CallState,
    Outcome,
    Redelivery,
    Step,
    SubmitStrategy,
    TimelineEntry,
)
from trunkline.v1.rpc_service_pb2 import CallEvent, CancelCallResponse, CancelResult, ExplainCallResponse

_NULL: Final = msgspec.Raw(json_text.NULL)

_STATES: Final = {state: CallState.Name(state).removeprefix("CALL_STATE_") for state in CallState.values()}
_OUTCOMES: Final = {outcome: Outcome.Name(outcome).removeprefix("OUTCOME_") for outcome in Outcome.values()}
_STEPS: Final = {step: Step.Name(step).removeprefix("STEP_") for step in Step.values()}
_FAILED: Final = CallState.CALL_STATE_FAILED


class Shown(msgspec.Struct, rename="camel", gc=False):
    """Something that is shown as JSON."""

    def as_json(self) -> str:
        """Its JSON."""
        return msgspec.json.encode(self).decode()


class NamedEntity(Shown, gc=False):
    """How ThingsBoard names an entity."""

    entity_type: str
    id: str


class RpcMessage(Shown, gc=False):
    """What the device gets. `params` is JSON inside a string."""

    method: str
    params: str


class RpcRequest(Shown, gc=False):
    """What the caller asked for. `retries` as the caller said."""

    id: str
    tenant_id: NamedEntity
    device_id: NamedEntity
    oneway: bool
    expiration_time: int
    body: RpcMessage
    persisted: bool
    retries: int | None


class Rpc(Shown, gc=False):
    """A call. Times in milliseconds since 1970; `response`: the device's answer, or why there is none."""

    id: NamedEntity
    created_time: int
    tenant_id: NamedEntity
    device_id: NamedEntity
    expiration_time: int
    request: RpcRequest
    response: msgspec.Raw
    status: str
    additional_info: msgspec.Raw

    @classmethod
    def of(cls, call: CallRecord) -> Self:
        """The call as the core tells it."""
        tenant_id, device_id = NamedEntity("TENANT", call.tenant_id), NamedEntity("DEVICE", call.device_id)
        expiration_time = call.expire_time.ToMilliseconds()
        request = RpcRequest(
            call.call_id,
            tenant_id,
            device_id,
            call.kind == CALL_KIND_ONE_WAY,
            expiration_time,
            RpcMessage(call.method, call.params.decode(errors="replace") or "null"),
            call.persistent,
            call.retries if call.HasField("retries") else None,
        )
        return cls(
            NamedEntity("RPC", call.call_id),
            call.create_time.ToMilliseconds(),
            tenant_id,
            device_id,
            expiration_time,
            request,
            _response(call),
            _STATES.get(call.state, ""),
            _json(call.additional_info),
        )


class RpcPage(Shown, gc=False):
    """One page of a list."""

    data: list[Rpc]
    total_pages: int
    total_elements: int
    has_next: bool


class Moment(Shown, gc=False):
    """Something that happened to a call; `ts` in milliseconds since 1970."""

    ts: int
    step: str
    detail: str

    @classmethod
    def of(cls, entry: TimelineEntry) -> Self:
        """An entry of the core's timeline."""
        return cls(entry.time.ToMilliseconds(), _STEPS.get(entry.step, ""), entry.detail)


class Explanation(Shown, gc=False):
    """What happened to a call, and why it ended as it did; null for what there is none of."""

    rpc: Rpc
    outcome: str | None
    cause: str | None
    hint: str
    """For people."""
    detail: str
    end_time: int | None
    late_response: msgspec.Raw
    request_id: int
    """What the device sees."""
    timeouts: int
    """Acknowledgements that did not come in time."""
    submit_strategy: str | None
    redelivery: str | None
    idempotency_key: str | None
    timeline: list[Moment]
    """Oldest first."""

    @classmethod
    def of(cls, explained: ExplainCallResponse) -> Self:
        """What the core explains."""
        call = explained.call
        policy = call.policy
        strategy = SubmitStrategy.Name(policy.strategy).removeprefix("SUBMIT_STRATEGY_")
        redelivery = Redelivery.Name(policy.redelivery).removeprefix("REDELIVERY_").lower()
        return cls(
            Rpc.of(call),
            _outcome(call.outcome),
            cause_name(explained.cause) or None,
            explained.hint,
            call.detail,
            call.end_time.ToMilliseconds() if call.HasField("end_time") else None,
            _json(call.late_reply) if call.has_late_reply else _NULL,
            call.request_id,
            call.timeouts,
            strategy if policy.strategy else None,
            redelivery if policy.redelivery else None,
            call.idempotency_key or None,
            [Moment.of(entry) for entry in explained.timeline],
        )


class Cancellation(Shown, gc=False):
    """What a cancellation did: WITHDRAWN in time, MARKED too late to take it back, or ALREADY_ENDED before."""

    result: str
    rpc: Rpc

    @classmethod
    def of(cls, answer: CancelCallResponse) -> Self:
        """What the core did."""
        return cls(CancelResult.Name(answer.result).removeprefix("CANCEL_RESULT_"), Rpc.of(answer.call))


class RpcEvent(Shown, gc=False):
    """A call changed. It says how the call stands, not what it carries; `ts` in milliseconds since 1970."""

    rpc_id: str
    device_id: str
    method: str
    oneway: bool
    persistent: bool
    status: str
    outcome: str | None
    """Once it ended."""
    cause: str | None
    ts: int
    late_reply: bool
    """An answer came after the end."""

    @classmethod
    def of(cls, event: CallEvent) -> Self:
        """What the core tells."""
        return cls(
            event.call_id,
            event.device_id,
            event.method,
            event.kind == CALL_KIND_ONE_WAY,
            event.persistent,
            _STATES.get(event.state, ""),
            _outcome(event.outcome),
            cause_name(event.cause) or None,
            event.time.ToMilliseconds(),
            event.late_reply,
        )


def _outcome(outcome: Outcome.ValueType) -> str | None:
    return _OUTCOMES.get(outcome) if outcome else None


def _response(call: CallRecord) -> msgspec.Raw:
    """A failed call always says why, in an object with `error`: ThingsBoard's console reads that without a look."""
    if call.state == _FAILED:
        text = call.detail or f"The call failed: {cause_name(call.cause) or 'UNKNOWN'}"
        said = readable_json(text.encode())
        return msgspec.Raw(said) if said is not None and said.startswith(b"{") else _error(text)
    return _json(call.reply) if call.has_reply else _NULL


def _json(text: bytes) -> msgspec.Raw:
    value = readable_json(text)
    return _error(text.decode(errors="replace")) if value is None else msgspec.Raw(value)


def _error(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"error": text}))
