"""Between protobuf messages and the core's own values."""

from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.ids import NO_ID, from_text
from trunkline.core.validation import invalid


def required_id(text: str, field: str) -> bytes:
    """The id in a request's field. Raises INVALID_ARGUMENT if it is missing or no UUID."""
    if not text:
        invalid(f"{field} is missing", field)
    try:
        return from_text(text)
    except ValueError as error:
        invalid(str(error), field)


def optional_id(text: str, field: str) -> bytes:
    """The id in a request's field, empty if there is none. Raises INVALID_ARGUMENT if it is no UUID."""
    return required_id(text, field) if text else NO_ID


def timestamp(unix_ms: int) -> Timestamp:
    """A time as people read it."""
    return Timestamp(seconds=unix_ms // 1000, nanos=unix_ms % 1000 * 1_000_000)


def optional_timestamp(unix_ms: int) -> Timestamp | None:
    """A time as people read it; absent for 0, which is never."""
    return timestamp(unix_ms) if unix_ms else None
