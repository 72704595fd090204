"""What may be said of anything."""

from collections.abc import Callable

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.core.validation import check_length, check_text, stored_json
from trunkline.v1.error_pb2 import ErrorReason


def refusal(check: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(TrunklineError) as caught:
        check()
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    return caught.value.message, caught.value.metadata["field"]


def test_what_is_too_long_is_told_by_a_name_that_people_know() -> None:
    check_length("label", "x" * 255)
    check_length("extra", b"x" * 300, 300)
    too_long = "Validation error: label length must be equal or less than 255"
    assert refusal(lambda: check_length("label", "x" * 256)) == (too_long, "label")
    too_long = "Validation error: firstName length must be equal or less than 2"
    assert refusal(lambda: check_length("first_name", b"abc", 2, name="firstName")) == (too_long, "first_name")


def test_a_text_has_no_zero() -> None:
    check_text("Device", "name", "ä" * 255)
    zero = "Device name should not contain 0x00 symbol!"
    assert refusal(lambda: check_text("Device", "name", "a\x00")) == (zero, "name")
    too_long = "Validation error: name length must be equal or less than 255"
    assert refusal(lambda: check_text("Device", "name", "x" * 256)) == (too_long, "name")


def test_additional_info_is_stored_without_white_space_and_null_not_at_all() -> None:
    assert stored_json(b'{ "a": 1.0 }') == b'{"a":1.0}'
    assert stored_json(b"") == stored_json(b" null ") == b""


@pytest.mark.parametrize(
    ("additional_info", "message"),
    [
        (b"{", "The additional info is no JSON"),
        (b"[" * 300 + b"]" * 300, "The additional info is not readable: nested too deeply"),
        (b"1" * 65_537, "Validation error: additionalInfo length must be equal or less than 65536"),
    ],
)
def test_additional_info_that_is_none(additional_info: bytes, message: str) -> None:
    assert refusal(lambda: stored_json(additional_info)) == (message, "additional_info")
