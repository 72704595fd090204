"""The call stream's batches as protobuf messages and back. Each runs once per batch, at the edge of the process.

Written for speed: one assignment per field that is set, no constructors, no submessage read twice. Decoding judges only
the form; what a call may ask for is judged by who handles it, so that every StartCall gets its CallResult.
"""

from typing import Any, Final

from trunkline.contract.streams.codec import Codec, DecodeFrame, EncodeFrame, decode_frames, encode_frames, remaining_ms
from trunkline.contract.streams.frames import (
    AnswerFrame,
    Batch,
    BindPrincipal,
    CallerDrain,
    CallerFrame,
    CallerHello,
    CallerWelcome,
    CallResult,
    DeliveryPolicy,
    Frame,
    HangUp,
    Persistence,
    PrincipalRevoked,
    RenewCredentials,
    StartCall,
)
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.rpc_service_pb2 import CallStreamRequest, CallStreamResponse

DEFAULT_TIMEOUT_MS: Final = 10_000
"""The time of a StartCall that names neither a timeout nor an expiry."""


def encode_call_stream_request(batch: Batch[CallerFrame], now: int) -> CallStreamRequest:
    """A caller's batch as it is written at `now`."""
    message = CallStreamRequest()
    message.clock_ms = now
    encode_frames(_ENCODE, batch.frames, message.frames.add, now)
    return message


def decode_call_stream_request(message: CallStreamRequest, now: int, excess_ms: int) -> Batch[CallerFrame | Unreadable]:
    """A caller's batch as it was read at `now`, `excess_ms` later than it could have come."""
    return Batch(decode_frames(_DECODE_CALLER, message.frames, now - excess_ms), message.clock_ms)


def encode_call_stream_response(batch: Batch[AnswerFrame], now: int) -> CallStreamResponse:
    """The core's batch as it is written at `now`."""
    message = CallStreamResponse()
    message.clock_ms = now
    encode_frames(_ENCODE, batch.frames, message.frames.add, now)
    return message


def decode_call_stream_response(
    message: CallStreamResponse, now: int, excess_ms: int
) -> Batch[AnswerFrame | Unreadable]:
    """The core's batch as it was read; answers carry no times."""
    return Batch(decode_frames(_DECODE_ANSWER, message.frames, now - excess_ms), message.clock_ms)


CALLER_CODEC: Final = Codec(encode_call_stream_request, decode_call_stream_response)
ANSWER_CODEC: Final = Codec(encode_call_stream_response, decode_call_stream_request)


# --- caller to core ---


def _encode_start_call(envelope: Any, frame: StartCall, now: int) -> None:
    message = envelope.call
    message.tag = frame.tag
    message.device_id = frame.device_id
    message.method = frame.method
    message.params = frame.params
    message.kind = frame.kind
    if frame.expire_unix_ms is None:
        message.timeout_ms = remaining_ms(frame.deadline_ms, now)
    else:
        message.expire_unix_ms = frame.expire_unix_ms
    if frame.principal:
        message.principal = frame.principal
    if frame.call_id:
        message.call_id = frame.call_id
    if frame.fail_fast:
        message.fail_fast = True
    if frame.await_delivery:
        message.await_delivery = True
    if frame.resent:
        message.resent = True
    if frame.idempotency_key:
        message.idempotency_key = frame.idempotency_key
    if frame.traceparent:
        message.traceparent = frame.traceparent
    if frame.dry_run:
        message.dry_run = True
    if frame.retries is not None:
        message.retries = frame.retries
    if frame.persistence is not None:
        message.persistence.SetInParent()
        message.persistence.additional_info = frame.persistence.additional_info
    if frame.policy is not None:
        message.policy.SetInParent()
        message.policy.strategy = frame.policy.strategy
        message.policy.redelivery = frame.policy.redelivery


def _decode_start_call(envelope: Any, base: int) -> StartCall:
    message = envelope.call
    expire_unix_ms = None
    timeout_ms = message.timeout_ms
    if not timeout_ms:
        deadline = message.WhichOneof("deadline")
        if deadline == "expire_unix_ms":
            expire_unix_ms = message.expire_unix_ms
        elif deadline is None:
            timeout_ms = DEFAULT_TIMEOUT_MS
    has = message.HasField
    return StartCall(
        message.tag,
        message.device_id,
        message.method,
        message.params,
        message.kind,
        base + timeout_ms,
        message.principal,
        expire_unix_ms,
        message.call_id,
        message.idempotency_key,
        Persistence(message.persistence.additional_info) if has("persistence") else None,
        DeliveryPolicy(message.policy.strategy, message.policy.redelivery) if has("policy") else None,
        message.traceparent,
        message.dry_run,
        message.resent,
        message.fail_fast,
        message.await_delivery,
        message.retries if has("retries") else None,
    )


def _encode_hang_up(envelope: Any, frame: HangUp, now: int) -> None:
    envelope.hang_up.SetInParent()
    envelope.hang_up.tags.extend(frame.tags)


def _decode_hang_up(envelope: Any, base: int) -> HangUp:
    return HangUp(tuple(envelope.hang_up.tags))


def _encode_hello(envelope: Any, frame: CallerHello, now: int) -> None:
    message = envelope.hello
    message.version = frame.version
    message.software = frame.software


def _decode_hello(envelope: Any, base: int) -> CallerHello:
    return CallerHello(envelope.hello.software, envelope.hello.version)


def _encode_bind_principal(envelope: Any, frame: BindPrincipal, now: int) -> None:
    message = envelope.principal
    message.principal = frame.principal
    message.tenant_id = frame.tenant_id
    message.user_id = frame.user_id
    message.customer_id = frame.customer_id
    message.role = frame.role
    message.token_session_id = frame.token_session_id
    message.issued_unix_ms = frame.issued_unix_ms


def _decode_bind_principal(envelope: Any, base: int) -> BindPrincipal:
    message = envelope.principal
    return BindPrincipal(
        message.principal,
        message.tenant_id,
        message.user_id,
        message.role,
        message.customer_id,
        message.token_session_id,
        message.issued_unix_ms,
    )


def _encode_renew_credentials(envelope: Any, frame: RenewCredentials, now: int) -> None:
    envelope.credentials.token = frame.token


def _decode_renew_credentials(envelope: Any, base: int) -> RenewCredentials:
    return RenewCredentials(envelope.credentials.token)


# --- core to caller ---


def _encode_call_result(envelope: Any, frame: CallResult, now: int) -> None:
    message = envelope.result
    message.tag = frame.tag
    message.outcome = frame.outcome
    if frame.payload:
        message.payload = frame.payload
    if frame.call_id:
        message.call_id = frame.call_id
    if frame.reason:
        message.reason = frame.reason
    if frame.cause:
        message.cause = frame.cause
    if frame.detail:
        message.detail = frame.detail
    if frame.retry_after_ms:
        message.retry_after_ms = frame.retry_after_ms


def _decode_call_result(envelope: Any, base: int) -> CallResult:
    message = envelope.result
    return CallResult(
        message.tag,
        message.outcome,
        message.payload,
        message.reason,
        message.cause,
        message.call_id,
        message.detail,
        message.retry_after_ms,
    )


def _encode_welcome(envelope: Any, frame: CallerWelcome, now: int) -> None:
    message = envelope.welcome
    message.version = frame.version
    message.core_id = frame.core_id
    message.max_open_calls = frame.max_open_calls
    message.max_frame_bytes = frame.max_frame_bytes
    message.heartbeat_ms = frame.heartbeat_ms
    message.max_open_bytes = frame.max_open_bytes


def _decode_welcome(envelope: Any, base: int) -> CallerWelcome:
    message = envelope.welcome
    return CallerWelcome(
        message.core_id,
        message.max_open_calls,
        message.max_frame_bytes,
        message.max_open_bytes,
        message.heartbeat_ms,
        message.version,
    )


def _encode_revoked(envelope: Any, frame: PrincipalRevoked, now: int) -> None:
    message = envelope.revoked
    message.user_id = frame.user_id
    message.token_session_id = frame.token_session_id
    message.issued_before_unix_ms = frame.issued_before_unix_ms


def _decode_revoked(envelope: Any, base: int) -> PrincipalRevoked:
    message = envelope.revoked
    return PrincipalRevoked(message.user_id, message.token_session_id, message.issued_before_unix_ms)


def _encode_drain(envelope: Any, frame: CallerDrain, now: int) -> None:
    envelope.drain.SetInParent()
    envelope.drain.grace_ms = frame.grace_ms


def _decode_drain(envelope: Any, base: int) -> CallerDrain:
    return CallerDrain(envelope.drain.grace_ms)


_ENCODE: Final[dict[type[Frame], EncodeFrame]] = {
    StartCall: _encode_start_call,
    HangUp: _encode_hang_up,
    CallerHello: _encode_hello,
    BindPrincipal: _encode_bind_principal,
    RenewCredentials: _encode_renew_credentials,
    CallResult: _encode_call_result,
    CallerWelcome: _encode_welcome,
    PrincipalRevoked: _encode_revoked,
    CallerDrain: _encode_drain,
}

_DECODE_CALLER: Final[dict[str | None, DecodeFrame]] = {
    "call": _decode_start_call,
    "hang_up": _decode_hang_up,
    "hello": _decode_hello,
    "principal": _decode_bind_principal,
    "credentials": _decode_renew_credentials,
}

_DECODE_ANSWER: Final[dict[str | None, DecodeFrame]] = {
    "result": _decode_call_result,
    "welcome": _decode_welcome,
    "revoked": _decode_revoked,
    "drain": _decode_drain,
}
