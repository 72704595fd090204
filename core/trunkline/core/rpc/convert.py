"""Between protobuf messages and the core's own values."""

from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, from_text
from trunkline.v1.error_pb2 import ErrorReason


def required_id(text: str, field: str) -> bytes:
    """The id in a request's field. Raises INVALID_ARGUMENT if it is missing or no UUID."""
    if not text:
        raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, f"{field} is missing", field=field)
    try:
        return from_text(text)
    except ValueError as error:
        raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, str(error), field=field) from None


def optional_id(text: str, field: str) -> bytes:
    """The id in a request's field, empty if there is none. Raises INVALID_ARGUMENT if it is no UUID."""
    return required_id(text, field) if text else NO_ID


def timestamp(unix_ms: int) -> Timestamp:
    """A time as people read it."""
    return Timestamp(seconds=unix_ms // 1000, nanos=unix_ms % 1000 * 1_000_000)
