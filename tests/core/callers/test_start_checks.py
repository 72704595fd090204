from typing import Any

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import DeliveryPolicy, Persistence, StartCall
from trunkline.core.callers.start_checks import LONGEST_KEY, MOST_RETRIES, checked_info, checked_params
from trunkline.v1.call_pb2 import CallKind, Redelivery, SubmitStrategy
from trunkline.v1.error_pb2 import ErrorReason

INVALID = ErrorReason.ERROR_REASON_INVALID_ARGUMENT
TOO_LARGE = ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE
STORED = Persistence()
MAX_BYTES = 1024


def start(**values: Any) -> StartCall:
    call = {"method": "set", "params": b" [1] ", "kind": CallKind.CALL_KIND_ONE_WAY, "deadline_ms": 0, **values}
    return StartCall(0, b"d" * 16, **call)


def refusal(**values: Any) -> ErrorReason.ValueType:
    call = start(**values)
    with pytest.raises(TrunklineError) as caught:
        checked_params(call, MAX_BYTES, validated=True)
        checked_info(call)
    return caught.value.reason


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ({"persistence": STORED, "fail_fast": True}, INVALID),
        ({"persistence": STORED, "await_delivery": True}, INVALID),
        ({"persistence": STORED, "method": "a\0b"}, INVALID),
        ({"persistence": STORED, "retries": -1}, INVALID),
        ({"persistence": STORED, "retries": MOST_RETRIES + 1}, INVALID),
        ({"persistence": Persistence(b"{")}, INVALID),
        ({"persistence": Persistence(b'"' + b"x" * MAX_BYTES + b'"')}, TOO_LARGE),
        ({"persistence": STORED, "policy": DeliveryPolicy(strategy=77)}, INVALID),
        ({"persistence": STORED, "policy": DeliveryPolicy(redelivery=77)}, INVALID),
        ({"policy": DeliveryPolicy(strategy=SubmitStrategy.SUBMIT_STRATEGY_BURST)}, INVALID),
        ({"idempotency_key": "x" * (LONGEST_KEY + 1)}, INVALID),
        ({"idempotency_key": "a\0b"}, INVALID),
        ({"idempotency_key": "\ud800"}, INVALID),
        ({"dry_run": True}, ErrorReason.ERROR_REASON_NOT_SUPPORTED),
    ],
    ids=str,
)
def test_what_is_refused(call: dict[str, Any], reason: ErrorReason.ValueType) -> None:
    assert refusal(**call) == reason


@pytest.mark.parametrize(
    "call",
    [
        {"persistence": STORED},
        {"persistence": STORED, "retries": 0},
        {"persistence": STORED, "retries": MOST_RETRIES},
        {"persistence": STORED, "method": "\u20ac"},
        {"persistence": STORED, "policy": DeliveryPolicy(strategy=3, redelivery=Redelivery.REDELIVERY_NEVER)},
        {"await_delivery": True},
        {"fail_fast": True},
        {"idempotency_key": "k\u00e9y " + "x" * (LONGEST_KEY - 4)},
        {"retries": 3},
    ],
    ids=str,
)
def test_what_is_taken(call: dict[str, Any]) -> None:
    assert checked_params(start(**call), MAX_BYTES, validated=False) == b"[1]"


def test_what_a_part_has_validated_stays_as_it_is() -> None:
    assert checked_params(start(method=""), MAX_BYTES, validated=True) == b" [1] "


def test_additional_info_is_compacted() -> None:
    assert checked_info(start(persistence=Persistence(b' {"a": 1} '))) == b'{"a":1}'
    assert checked_info(start(persistence=STORED)) == checked_info(start()) == b""
