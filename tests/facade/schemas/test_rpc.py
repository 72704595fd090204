"""Calls in ThingsBoard's shape: every member in its place, and a response that its clients can read."""

import json
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.facade.schemas.rpc import Cancellation, Explanation, Rpc, RpcEvent
from trunkline.v1.call_pb2 import (
    CallKind,
    CallRecord,
    CallState,
    DeliveryPolicy,
    Outcome,
    Redelivery,
    Step,
    SubmitStrategy,
    TimelineEntry,
)
from trunkline.v1.error_pb2 import Cause
from trunkline.v1.rpc_service_pb2 import CallEvent, CancelCallResponse, CancelResult, ExplainCallResponse

RPC = "bea26301-1aec-11ec-9441-73a37bbb7cd2"
TENANT = "ab937a40-3f98-11eb-a8d6-f5a87f07d4be"
DEVICE = "3e46db70-e480-11eb-9d0e-1f8899a6f9b3"


def at(unix_ms: int) -> Timestamp:
    time = Timestamp()
    time.FromMilliseconds(unix_ms)
    return time


def record(state: str = "SUCCESSFUL", **changes: Any) -> CallRecord:
    values: dict[str, Any] = {
        "call_id": RPC,
        "tenant_id": TENANT,
        "device_id": DEVICE,
        "kind": CallKind.CALL_KIND_TWO_WAY,
        "method": "rpcCommand",
        "params": b"{}",
        "persistent": True,
        "state": CallState.Value(f"CALL_STATE_{state}"),
        "create_time": at(1_632_236_465_459),
        "expire_time": at(1_632_236_525_354),
    }
    return CallRecord(**values | changes)


def shown(call: CallRecord) -> Any:
    return json.loads(Rpc.of(call).as_json())


def test_the_whole_of_it() -> None:
    call = record(reply=b'{"test":"passed"}', has_reply=True)
    tenant, device = {"entityType": "TENANT", "id": TENANT}, {"entityType": "DEVICE", "id": DEVICE}
    assert shown(call) == {
        "id": {"entityType": "RPC", "id": RPC},
        "createdTime": 1632236465459,
        "tenantId": tenant,
        "deviceId": device,
        "expirationTime": 1632236525354,
        "request": {
            "id": RPC,
            "tenantId": tenant,
            "deviceId": device,
            "oneway": False,
            "expirationTime": 1632236525354,
            "body": {"method": "rpcCommand", "params": "{}"},
            "persisted": True,
            "retries": None,
        },
        "response": {"test": "passed"},
        "status": "SUCCESSFUL",
        "additionalInfo": None,
    }


def test_what_the_caller_said() -> None:
    call = record(
        "QUEUED",
        kind=CallKind.CALL_KIND_ONE_WAY,
        params=b'{"pin":7,"big":123456789012345678901234567890}',
        additional_info=b'{"a":1.0e3}',
        retries=0,
    )
    request = shown(call)["request"]
    assert (request["oneway"], request["retries"]) == (True, 0)
    assert request["body"]["params"] == '{"pin":7,"big":123456789012345678901234567890}'
    assert '"additionalInfo":{"a":1.0e3}' in Rpc.of(call).as_json()


@pytest.mark.parametrize("state", [name.removeprefix("CALL_STATE_") for name in CallState.keys()[1:]])
def test_every_state_has_its_name(state: str) -> None:
    assert shown(record(state))["status"] == state


@pytest.mark.parametrize(
    ("reply", "response"),
    [
        (b"42", 42),
        (b'"on"', "on"),
        (b"null", None),
        (b"", None),
        (b"1 junk", 1),
        (b"22:20", {"error": "22:20"}),
        (b"\xff", {"error": "\ufffd"}),
        (b"[" * 300 + b"]" * 300, {"error": "[" * 300 + "]" * 300}),
        (b"1e999", {"error": "1e999"}),
    ],
)
def test_what_the_device_answered(reply: bytes, response: object) -> None:
    assert shown(record(reply=reply, has_reply=True))["response"] == response


def test_a_reply_stays_as_it_came() -> None:
    assert (
        '"response":{"a":1.0e3,"b":12345678901234567890123}'
        in Rpc.of(record(reply=b'{"a":1.0e3,"b":12345678901234567890123}', has_reply=True)).as_json()
    )


@pytest.mark.parametrize("state", ["QUEUED", "SENT", "DELIVERED", "TIMEOUT", "EXPIRED"])
def test_without_a_reply_there_is_no_response(state: str) -> None:
    late = {"late_reply": b"1", "has_late_reply": True}
    assert shown(record(state, detail="why", **late))["response"] is None


@pytest.mark.parametrize(
    ("detail", "response"),
    [
        ("Cancelled before the device got it", {"error": "Cancelled before the device got it"}),
        ('{"error":"no such pin","pin":99}', {"error": "no such pin", "pin": 99}),
        ("null", {"error": "null"}),
        ("42", {"error": "42"}),
        ("", {"error": "The call failed: DEVICE_DELETED"}),
    ],
)
def test_a_failed_call_says_why(detail: str, response: object) -> None:
    assert shown(record("FAILED", detail=detail, cause=Cause.CAUSE_DEVICE_DELETED))["response"] == response


def test_an_explanation() -> None:
    call = record(
        "EXPIRED",
        outcome=Outcome.OUTCOME_EXPIRED,
        detail="nobody came",
        end_time=at(1_632_236_525_360),
        late_reply=b"[1]",
        has_late_reply=True,
        request_id=1_048_577,
        timeouts=2,
        policy=DeliveryPolicy(
            strategy=SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE,
            redelivery=Redelivery.REDELIVERY_UNDELIVERED,
        ),
        idempotency_key="key",
    )
    told = ExplainCallResponse(
        call=call,
        timeline=[TimelineEntry(time=at(5), step=Step.STEP_WAITING, detail="device offline")],
        cause=Cause.CAUSE_DEVICE_OFFLINE,
        hint="Look at its power supply",
    )
    explanation = json.loads(Explanation.of(told).as_json())
    assert explanation.pop("rpc") == shown(call)
    assert explanation == {
        "outcome": "EXPIRED",
        "cause": "DEVICE_OFFLINE",
        "hint": "Look at its power supply",
        "detail": "nobody came",
        "endTime": 1632236525360,
        "lateResponse": [1],
        "requestId": 1048577,
        "timeouts": 2,
        "submitStrategy": "SEQUENTIAL_ON_ACK_FROM_DEVICE",
        "redelivery": "undelivered",
        "idempotencyKey": "key",
        "timeline": [{"ts": 5, "step": "WAITING", "detail": "device offline"}],
    }


def test_an_explanation_of_what_has_not_ended() -> None:
    explanation = json.loads(Explanation.of(ExplainCallResponse(call=record("QUEUED"))).as_json())
    nothing = ("outcome", "cause", "endTime", "lateResponse", "submitStrategy", "redelivery", "idempotencyKey")
    assert [explanation[name] for name in nothing] == [None] * len(nothing)
    assert explanation["timeline"] == []


@pytest.mark.parametrize("result", ["WITHDRAWN", "MARKED", "ALREADY_ENDED"])
def test_a_cancellation(result: str) -> None:
    answer = CancelCallResponse(result=CancelResult.Value(f"CANCEL_RESULT_{result}"), call=record("FAILED", detail="d"))
    assert json.loads(Cancellation.of(answer).as_json()) == {"result": result, "rpc": shown(answer.call)}


def test_an_event() -> None:
    event = CallEvent(
        call_id=RPC,
        device_id=DEVICE,
        method="m",
        kind=CallKind.CALL_KIND_ONE_WAY,
        persistent=True,
        state=CallState.CALL_STATE_EXPIRED,
        outcome=Outcome.OUTCOME_EXPIRED,
        cause=Cause.CAUSE_NO_REPLY,
        time=at(7),
        late_reply=True,
    )
    assert json.loads(RpcEvent.of(event).as_json()) == {
        "rpcId": RPC,
        "deviceId": DEVICE,
        "method": "m",
        "oneway": True,
        "persistent": True,
        "status": "EXPIRED",
        "outcome": "EXPIRED",
        "cause": "NO_REPLY",
        "ts": 7,
        "lateReply": True,
    }
    living = json.loads(RpcEvent.of(CallEvent(call_id=RPC, state=CallState.CALL_STATE_SENT)).as_json())
    assert (living["outcome"], living["cause"]) == (None, None)
