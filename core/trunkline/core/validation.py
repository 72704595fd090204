"""What may be said of anything: texts that databases take, JSON that its readers take. The texts of errors are the ones
that ThingsBoard's clients know."""

from typing import Final, NoReturn

from trunkline.contract import json_text
from trunkline.contract.errors import TrunklineError
from trunkline.v1.error_pb2 import ErrorReason

LONGEST: Final = 255
"""Characters of a text, unless it may be longer."""

LARGEST_INFO: Final = 64 * 1024
"""Bytes of additional info: a page holds that of many."""


def invalid(message: str, field: str) -> NoReturn:
    """Raise INVALID_ARGUMENT."""
    raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message, field=field)


def check_length(field: str, value: str | bytes, longest: int = LONGEST, *, name: str = "") -> None:
    """Raise INVALID_ARGUMENT for more than `longest` characters or bytes. People are told `name`, if given."""
    if len(value) > longest:
        invalid(f"Validation error: {name or field} length must be equal or less than {longest}", field)


def check_text(noun: str, field: str, text: str, longest: int = LONGEST) -> None:
    """Raise INVALID_ARGUMENT for a text of a `noun` that is too long, or that no database takes."""
    check_length(field, text, longest)
    if "\x00" in text:
        invalid(f"{noun} {field} should not contain 0x00 symbol!", field)


def stored_json(additional_info: bytes) -> bytes:
    """The additional info as it is stored; nothing for `null`. Raises INVALID_ARGUMENT for no JSON and for too much."""
    if not additional_info:
        return b""
    check_length("additional_info", additional_info, LARGEST_INFO, name="additionalInfo")
    try:
        compact = json_text.compact(additional_info)
    except ValueError:
        invalid("The additional info is no JSON", "additional_info")
    try:
        json_text.check_readable(compact)
    except ValueError as error:
        invalid(f"The additional info is not readable: {error}", "additional_info")
    return b"" if compact == json_text.NULL else compact
