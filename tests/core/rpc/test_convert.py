"""Messages say what the values say."""

import pytest
from doubles.device_rows import device

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.devices.model import access_token_credentials
from trunkline.core.rpc.convert import (
    credentials_message,
    device_message,
    optional_id,
    required_id,
    timestamp,
)
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


def test_absent_ids_are_empty() -> None:
    pump = device_message(device(new_id(), "Pump"))
    assert pump.customer_id == ""


def test_credentials_name_their_device() -> None:
    pump = device(new_id(), "Pump")
    message = credentials_message(access_token_credentials(pump, "token"))
    assert message.device_id == to_text(pump.id)
    assert message.credentials_id == "token"
    assert message.create_time.ToMilliseconds() == pump.create_unix_ms
