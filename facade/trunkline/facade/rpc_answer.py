"""How a call's result reads over HTTP: the one place where outcomes become the status codes of ThingsBoard's two APIs.

v1 (`/api/plugins/rpc`) tells a call that was never sent (409) from one that was (408); v2 (`/api/rpc`) says 504 for
both. These three have no body: their clients expect none. The headers say what happened.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from trunkline.contract import ids, json_text
from trunkline.contract.errors import TABLE, TrunklineError, cause_name
from trunkline.contract.metadata import CALL_ID_HEADER, CAUSE_HEADER
from trunkline.contract.streams.frames import CallResult
from trunkline.facade.errors import RETRY_SOON, error_body
from trunkline.facade.reply_json import lenient_json
from trunkline.v1.call_pb2 import (
    OUTCOME_ACCEPTED,
    OUTCOME_CANCELLED,
    OUTCOME_DELIVERED,
    OUTCOME_EXPIRED,
    OUTCOME_SENT,
    OUTCOME_SUCCEEDED,
    OUTCOME_UNKNOWN,
)
from trunkline.v1.error_pb2 import Cause, ErrorReason

Headers = list[tuple[bytes, bytes]]

RAW_TEXT_BYTES: Final = 1024
"""So much of a device's answer that is no JSON gets its caller to see."""


class Dialect(NamedTuple):
    """What tells ThingsBoard's two RPC APIs apart."""

    name: str
    sent: int
    """Status of a call that ended without an answer after it was, or may have been, sent."""
    never_sent: int


V1: Final = Dialect("v1", HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT)
V2: Final = Dialect("v2", HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT)

_NEVER_SENT: Final = frozenset(
    {Cause.CAUSE_DEVICE_OFFLINE, Cause.CAUSE_DEVICE_NOT_SUBSCRIBED, Cause.CAUSE_DEVICE_BUSY, Cause.CAUSE_STREAM_BROKEN}
)

# Outcomes, and reasons of a failure, whose answer has no body and the dialect's status.
_WITHOUT_ANSWER: Final = frozenset({OUTCOME_EXPIRED, OUTCOME_UNKNOWN, OUTCOME_CANCELLED})
_FAILED_WITHOUT_ANSWER: Final = frozenset(
    {
        ErrorReason.ERROR_REASON_CALL_EXPIRED,
        ErrorReason.ERROR_REASON_CALL_CANCELLED,
        ErrorReason.ERROR_REASON_DEVICE_OFFLINE,
        ErrorReason.ERROR_REASON_OUTCOME_UNKNOWN,
    }
)

# Texts that ThingsBoard's clients know, where the core says it in its own words.
_TEXTS: Final[Mapping[ErrorReason.ValueType, str]] = {
    ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND: "Device with requested id wasn't found!",
    ErrorReason.ERROR_REASON_DEVICE_DELETED: "The device was deleted while the call was open",
    ErrorReason.ERROR_REASON_QUEUE_FULL: "Too many pending calls; try again later",
    ErrorReason.ERROR_REASON_CORE_UNAVAILABLE: "The service cannot take calls at the moment; try again",
    ErrorReason.ERROR_REASON_STORE_UNAVAILABLE: "Calls cannot be stored at the moment; try again",
    ErrorReason.ERROR_REASON_TOKEN_EXPIRED: "Token has expired",
    ErrorReason.ERROR_REASON_UNAUTHENTICATED: "Authentication failed",
    ErrorReason.ERROR_REASON_PERMISSION_DENIED: "You don't have permission to perform this operation!",
}

_JSON: Final = (b"content-type", b"application/json")
_EMPTY: Final = (b"content-length", b"0")
_CALL_ID: Final = CALL_ID_HEADER.lower().encode()
_CAUSE: Final = CAUSE_HEADER.lower().encode()
_CAUSES: Final = {value: cause_name(value).encode() for value in Cause.values()}


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Headers
    body: bytes


def answer_result(result: CallResult, dialect: Dialect) -> Answer:
    """The answer to a call that ended as `result` says."""
    outcome = result.outcome
    if outcome == OUTCOME_SUCCEEDED:
        answer = _reply(result.payload)
    elif outcome == OUTCOME_SENT or outcome == OUTCOME_DELIVERED:
        answer = Answer(HTTPStatus.OK, [_EMPTY], b"")
    elif outcome in _WITHOUT_ANSWER:
        answer = _unanswered(result.cause, dialect)
    else:
        answer = _failure(result, dialect)
    if result.cause:
        answer.headers.append((_CAUSE, _CAUSES.get(result.cause, b"")))
    return answer


# A persistent call that was certainly not stored, or is known never to be delivered: trying again does no harm.
_NOT_STORED: Final[Mapping[Cause.ValueType, ErrorReason.ValueType]] = {
    Cause.CAUSE_STREAM_BROKEN: ErrorReason.ERROR_REASON_CORE_UNAVAILABLE,
    Cause.CAUSE_COMMIT_UNKNOWN: ErrorReason.ERROR_REASON_STORE_UNAVAILABLE,
}


def answer_stored(result: CallResult, call_id: bytes, dialect: Dialect) -> Answer:
    """The answer to a persistent call, which ends here with its acceptance: under which id, or why not."""
    if result.outcome == OUTCOME_ACCEPTED:
        return answer_json(HTTPStatus.OK, b'{"rpcId":"%b"}' % ids.to_text(call_id).encode())
    reason = _NOT_STORED.get(result.cause)
    if reason is None:
        return answer_result(result, dialect)
    answer = _standard(reason, "", result.retry_after_ms)
    answer.headers.append((_CAUSE, _CAUSES[result.cause]))
    return answer


def name_call(answer: Answer, call_id: bytes) -> Answer:
    """The same answer, saying to which call."""
    answer.headers.append((_CALL_ID, ids.to_text(call_id).encode()))
    return answer


def answer_error(error: TrunklineError) -> Answer:
    """The answer to a request that did not become a call."""
    return _standard(error.reason, error.message)


def answer_json(status: int, body: bytes) -> Answer:
    """Any JSON body."""
    return Answer(status, [_JSON, (b"content-length", b"%d" % len(body))], body)


def _reply(payload: bytes) -> Answer:
    """The device's JSON, byte for byte; what follows the first value is dropped, as ThingsBoard does."""
    if not payload:
        return Answer(HTTPStatus.OK, [_EMPTY], b"")
    try:
        json_text.validate(payload)
    except ValueError:
        return _reply_leniently(payload)
    return answer_json(HTTPStatus.OK, payload)


def _reply_leniently(payload: bytes) -> Answer:
    value = lenient_json(payload)
    if value is None:
        return _not_json(payload.decode(errors="replace"), Cause.CAUSE_REPLY_NOT_JSON)
    return answer_json(HTTPStatus.OK, value)


def _not_json(text: str, cause: Cause.ValueType | None = None) -> Answer:
    """406 with the raw text, so that whoever debugs the device sees it."""
    row = TABLE[ErrorReason.ERROR_REASON_DEVICE_TRANSPORT_ERROR]
    shown = text.encode(errors="replace")[:RAW_TEXT_BYTES].decode(errors="ignore")
    answer = answer_json(row.http, error_body(row.http, shown, row.thingsboard_code))
    if cause is not None:
        answer.headers.append((_CAUSE, _CAUSES[cause]))
    return answer


def _failure(result: CallResult, dialect: Dialect) -> Answer:
    reason = result.reason
    if reason == ErrorReason.ERROR_REASON_DEVICE_TRANSPORT_ERROR:
        return _transport_error(result.detail)
    if reason in _FAILED_WITHOUT_ANSWER:
        return _unanswered(result.cause, dialect)
    return _standard(reason or ErrorReason.ERROR_REASON_INTERNAL, result.detail, result.retry_after_ms)


def _transport_error(detail: str) -> Answer:
    """What a transport could not convert: its own text, which is 200 if it happens to be JSON, as in ThingsBoard."""
    text = detail.encode()
    try:
        json_text.validate(text)
    except ValueError:
        return _not_json(detail)
    return answer_json(HTTPStatus.OK, text)


def _unanswered(cause: Cause.ValueType, dialect: Dialect) -> Answer:
    return Answer(dialect.never_sent if cause in _NEVER_SENT else dialect.sent, [_EMPTY], b"")


def _standard(reason: ErrorReason.ValueType, message: str, retry_after_ms: int = 0) -> Answer:
    row = TABLE.get(reason, TABLE[ErrorReason.ERROR_REASON_INTERNAL])
    if reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE:
        message = ""  # it may name addresses of ours
    text = message or _TEXTS.get(reason, "The call failed")
    answer = answer_json(row.http, error_body(row.http, text, row.thingsboard_code))
    if row.retryable and row.http >= HTTPStatus.TOO_MANY_REQUESTS:
        seconds = b"%d" % -(-retry_after_ms // 1000) if retry_after_ms else RETRY_SOON.encode()
        answer.headers.append((b"retry-after", seconds))
    return answer
