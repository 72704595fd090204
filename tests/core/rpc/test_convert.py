"""Ids and times as messages have them."""

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.rpc.convert import optional_id, optional_timestamp, required_id, timestamp
from trunkline.v1.error_pb2 import ErrorReason


def test_ids_come_as_text() -> None:
    value = new_id()
    assert required_id(to_text(value), "id") == value == optional_id(to_text(value), "id")
    assert optional_id("", "id") == b""


@pytest.mark.parametrize(("text", "message"), [("", "id is missing"), ("abc", "Invalid UUID string: abc")])
def test_bad_ids_name_their_field(text: str, message: str) -> None:
    with pytest.raises(TrunklineError, match=message) as caught:
        required_id(text, "id")
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert caught.value.metadata == {"field": "id"}


def test_times_keep_their_milliseconds() -> None:
    assert timestamp(1_720_000_000_123).ToMilliseconds() == 1_720_000_000_123
    assert optional_timestamp(1_720_000_000_123) == timestamp(1_720_000_000_123)
    assert optional_timestamp(0) is None
