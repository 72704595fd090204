"""Outcomes as HTTP answers: every outcome, reason and cause has one, and v1 and v2 differ only where they must."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.errors import TABLE, TrunklineError
from trunkline.contract.streams.frames import CallResult
from trunkline.facade.rpc_answer import V1, V2, Answer, Dialect, answer_error, answer_result, answer_stored, name_call
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

CALL_ID = bytes(range(16))


def header(answer: Answer, name: str) -> str | None:
    values = [value.decode() for key, value in answer.headers if key == name.encode()]
    assert len(values) < 2
    return values[0] if values else None


def reply(payload: bytes) -> Answer:
    return answer_result(CallResult(1, Outcome.OUTCOME_SUCCEEDED, payload), V2)


@pytest.mark.parametrize(
    "payload", [b'{"ok":true}', b"42", b'"on"', b"null", b' { "a" : 1.0e3 } ', b"1e400", '"grün"'.encode()]
)
def test_a_reply_goes_back_byte_for_byte(payload: bytes) -> None:
    answer = reply(payload)
    assert (answer.status, answer.body) == (200, payload)
    assert header(answer, "content-type") == "application/json"
    assert header(answer, "content-length") == str(len(payload))


def test_an_empty_reply_has_no_body_and_no_type() -> None:
    answer = reply(b"")
    assert answer == Answer(200, [(b"content-length", b"0")], b"")


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (b"1 junk", b"1"),
        (b"null, true", b"null"),
        (b"[1]2", b"[1]"),
        (b'"a"b', b'"a"'),
        (b' {"a":1} x', b'{"a":1}'),
        (b" \n", b"null"),
        (b'"\xff"', '"\ufffd"'.encode()),
    ],
)
def test_a_reply_is_read_leniently(payload: bytes, body: bytes) -> None:
    answer = reply(payload)
    assert (answer.status, answer.body) == (200, body)
    assert header(answer, "content-type") == "application/json"


NO_JSON = [b"hello", b"22:20", b"1.", b"-", b"nullable", b"true_", b"{", b"NaN", b"\xff\xfe", "größer".encode()]


@pytest.mark.parametrize("payload", [*NO_JSON, b"[" * 100_000])
def test_a_reply_that_is_no_json(payload: bytes) -> None:
    answer = reply(payload)
    assert answer.status == 406
    assert header(answer, "trunkline-cause") == "REPLY_NOT_JSON"
    body = json.loads(answer.body)
    assert (body["status"], body["errorCode"]) == (406, 31)
    assert payload.decode(errors="replace").startswith(body["message"])
    assert len(body["message"].encode()) <= 1024


@pytest.mark.parametrize("outcome", [Outcome.OUTCOME_SENT, Outcome.OUTCOME_DELIVERED])
def test_one_way_success_is_empty(outcome: Outcome.ValueType) -> None:
    answer = answer_result(CallResult(1, outcome), V1)
    assert (answer.status, answer.body) == (200, b"")
    assert header(answer, "content-type") is None


def test_the_call_is_named() -> None:
    answer = name_call(answer_result(CallResult(1, Outcome.OUTCOME_SENT), V1), CALL_ID)
    assert header(answer, "trunkline-call-id") == "00010203-0405-0607-0809-0a0b0c0d0e0f"


@pytest.mark.parametrize(
    ("cause", "v1"),
    [
        ("DEVICE_OFFLINE", 409),
        ("DEVICE_NOT_SUBSCRIBED", 409),
        ("DEVICE_BUSY", 409),
        ("STREAM_BROKEN", 409),
        ("NO_ACK_FROM_WORKER", 408),
        ("NO_ACK_FROM_DEVICE", 408),
        ("NO_REPLY", 408),
        ("EXPIRED_ON_ARRIVAL", 408),
    ],
)
def test_expired(cause: str, v1: int) -> None:
    for dialect, status in ((V1, v1), (V2, 504)):
        result = CallResult(
            1,
            Outcome.OUTCOME_EXPIRED,
            reason=ErrorReason.ERROR_REASON_CALL_EXPIRED,
            cause=Cause.Value(f"CAUSE_{cause}"),
        )
        answer = answer_result(result, dialect)
        assert (answer.status, answer.body) == (status, b"")
        assert header(answer, "content-length") == "0"
        assert header(answer, "trunkline-cause") == cause


@pytest.mark.parametrize("cause", ["CORE_LOST", "CORE_DRAINING", "WORKER_LOST"])
def test_nobody_can_tell(cause: str) -> None:
    for dialect, status in ((V1, 408), (V2, 504)):
        reason = ErrorReason.ERROR_REASON_OUTCOME_UNKNOWN
        result = CallResult(1, Outcome.OUTCOME_UNKNOWN, reason=reason, cause=Cause.Value(f"CAUSE_{cause}"))
        answer = answer_result(result, dialect)
        assert (answer.status, answer.body, header(answer, "trunkline-cause")) == (status, b"", cause)


def failed(
    reason: str, dialect: Dialect = V2, *, cause: str = "UNSPECIFIED", detail: str = "", retry_after_ms: int = 0
) -> Answer:
    result = CallResult(
        1,
        Outcome.OUTCOME_FAILED,
        reason=ErrorReason.Value(f"ERROR_REASON_{reason}"),
        cause=Cause.Value(f"CAUSE_{cause}"),
        detail=detail,
        retry_after_ms=retry_after_ms,
    )
    return answer_result(result, dialect)


def test_fail_fast() -> None:
    for dialect, status in ((V1, 409), (V2, 504)):
        answer = failed("DEVICE_OFFLINE", dialect, cause="DEVICE_OFFLINE")
        assert (answer.status, answer.body, header(answer, "trunkline-cause")) == (status, b"", "DEVICE_OFFLINE")


@pytest.mark.parametrize("dialect", [V1, V2])
@pytest.mark.parametrize(
    ("reason", "status", "code", "message"),
    [
        ("DEVICE_NOT_FOUND", 404, 32, "Device with requested id wasn't found!"),
        ("PERMISSION_DENIED", 403, 20, "You don't have permission to perform this operation!"),
        ("DEVICE_DELETED", 404, 32, "The device was deleted while the call was open"),
        ("QUEUE_FULL", 429, 33, "Too many pending calls; try again later"),
        ("CORE_UNAVAILABLE", 503, 2, "The service cannot take calls at the moment; try again"),
        ("STORE_UNAVAILABLE", 503, 2, "Calls cannot be stored at the moment; try again"),
        ("TOKEN_EXPIRED", 401, 11, "Token has expired"),
        ("UNAUTHENTICATED", 401, 10, "Authentication failed"),
        ("PAYLOAD_TOO_LARGE", 413, 31, "The call failed"),
        ("CALL_CONFLICT", 409, 35, "The call failed"),
        ("INVALID_ARGUMENT", 400, 31, "The call failed"),
        ("UNSPECIFIED", 500, 2, "The call failed"),
    ],
)
def test_failures_have_the_standard_body(dialect: Dialect, reason: str, status: int, code: int, message: str) -> None:
    answer = failed(reason, dialect)
    body = json.loads(answer.body)
    assert answer.status == body["status"] == status
    assert (body["errorCode"], body["message"]) == (code, message)
    assert isinstance(body["timestamp"], int)
    assert header(answer, "content-type") == "application/json"


def test_the_cores_own_words_go_before() -> None:
    text = "System administrator is not allowed to perform this operation!"
    assert json.loads(failed("PERMISSION_DENIED", detail=text).body)["message"] == text
    assert "unix:" not in json.loads(failed("CORE_UNAVAILABLE", detail="unix:/run/core.sock").body)["message"]


def test_when_to_come_again() -> None:
    assert header(failed("QUEUE_FULL", retry_after_ms=1500), "retry-after") == "2"
    assert header(failed("CORE_UNAVAILABLE"), "retry-after") == "1"
    assert header(failed("DEVICE_NOT_FOUND"), "retry-after") is None


def test_a_transports_failure() -> None:
    cause = "DEVICE_TRANSPORT_ERROR"
    answer = failed(cause, cause=cause, detail='{"result":"INVALID_ARGUMENTS","error":"no"}')
    assert (answer.status, answer.body) == (200, b'{"result":"INVALID_ARGUMENTS","error":"no"}')
    assert header(answer, "trunkline-cause") == cause
    answer = failed(cause, cause=cause, detail="gateway could not convert")
    assert (answer.status, json.loads(answer.body)["message"]) == (406, "gateway could not convert")
    assert header(answer, "trunkline-cause") == cause


@pytest.mark.parametrize("dialect", [V1, V2])
def test_a_persistent_call_was_accepted(dialect: Dialect) -> None:
    answer = answer_stored(CallResult(1, Outcome.OUTCOME_ACCEPTED), CALL_ID, dialect)
    assert (answer.status, answer.body) == (200, b'{"rpcId":"00010203-0405-0607-0809-0a0b0c0d0e0f"}')
    assert header(answer, "content-type") == "application/json"
    assert header(answer, "trunkline-cause") is None


@pytest.mark.parametrize("dialect", [V1, V2])
@pytest.mark.parametrize(
    ("outcome", "cause", "message"),
    [
        ("EXPIRED", "STREAM_BROKEN", "The service cannot take calls at the moment; try again"),
        ("UNKNOWN", "COMMIT_UNKNOWN", "Calls cannot be stored at the moment; try again"),
    ],
)
def test_a_persistent_call_that_is_never_delivered(dialect: Dialect, outcome: str, cause: str, message: str) -> None:
    result = CallResult(1, Outcome.Value(f"OUTCOME_{outcome}"), cause=Cause.Value(f"CAUSE_{cause}"))
    answer = answer_stored(result, CALL_ID, dialect)
    assert (answer.status, json.loads(answer.body)["message"]) == (503, message)
    assert (header(answer, "trunkline-cause"), header(answer, "retry-after")) == (cause, "1")


def test_a_persistent_call_that_may_be_stored() -> None:
    result = CallResult(1, Outcome.OUTCOME_UNKNOWN, cause=Cause.CAUSE_CORE_LOST)
    for dialect, status in ((V1, 408), (V2, 504)):
        answer = answer_stored(result, CALL_ID, dialect)
        assert (answer.status, answer.body, header(answer, "trunkline-cause")) == (status, b"", "CORE_LOST")


def test_a_persistent_call_that_was_refused() -> None:
    reason = ErrorReason.ERROR_REASON_QUEUE_FULL
    result = CallResult(1, Outcome.OUTCOME_FAILED, reason=reason, cause=Cause.CAUSE_QUEUE_FULL, retry_after_ms=2500)
    answer = answer_stored(result, CALL_ID, V2)
    assert (answer.status, header(answer, "trunkline-cause"), header(answer, "retry-after")) == (429, "QUEUE_FULL", "3")


def test_every_reason_has_an_answer() -> None:
    for reason in TABLE:
        for dialect in (V1, V2):
            answer = answer_result(CallResult(1, Outcome.OUTCOME_FAILED, reason=reason), dialect)
            assert 400 <= answer.status < 600 or reason == ErrorReason.ERROR_REASON_DEVICE_TRANSPORT_ERROR
            assert answer.status == 500 or reason != ErrorReason.ERROR_REASON_INTERNAL


def test_a_reason_of_a_newer_core_is_an_internal_error() -> None:
    answer = answer_result(CallResult(1, Outcome.OUTCOME_FAILED, reason=999), V2)  # type: ignore[arg-type]  # not ours
    assert answer.status == 500


def test_a_refused_request() -> None:
    answer = answer_error(TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "what was wrong"))
    assert (answer.status, json.loads(answer.body)["message"]) == (400, "what was wrong")
    assert header(answer, "trunkline-cause") is None


@given(st.binary(), st.sampled_from(Outcome.values()), st.sampled_from(ErrorReason.values()), st.text())
def test_lengths_are_right_whatever_comes(
    payload: bytes, outcome: Outcome.ValueType, reason: ErrorReason.ValueType, detail: str
) -> None:
    answer = answer_result(CallResult(1, outcome, payload, reason=reason, detail=detail), V1)
    assert header(answer, "content-length") == str(len(answer.body))
    assert bool(answer.body) == (header(answer, "content-type") is not None)
    if answer.body:
        json.loads(answer.body)
