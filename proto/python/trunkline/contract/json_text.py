"""JSON as bytes: validated once, where it comes in, and never rebuilt, so numbers and key order stay as sent."""

import json
import math
from typing import Any, Final

import msgspec

NULL = b"null"

MOST_DIGITS: Final = 1000
"""Characters of a number: as many as ThingsBoard reads."""

MOST_LEVELS: Final = 200
"""Of nesting: as many as the REST API reads."""

_SKIPPER = msgspec.json.Decoder(msgspec.Raw)
"""Walks over a value without building it, so numbers of any size and depth of nesting up to the interpreter's pass."""


def compact(text: bytes) -> bytes:
    """The one JSON value in `text` without insignificant white space; `null` for no bytes at all.

    Raises ValueError if it is not exactly one JSON value in UTF-8.
    """
    if not text:
        return NULL
    validate(text)
    return msgspec.json.format(text, indent=-1)


def check_readable(text: bytes) -> None:
    """Raise ValueError unless those who build the JSON value in `text` can: JSON has no bounds, but its readers have.

    A number may be too long or beyond a double's range, and a value nested too deeply.
    """
    try:
        level: list[Any] = [json.loads(text, parse_int=_check_length, parse_float=_check_range)]
    except RecursionError:
        raise ValueError("nested too deeply") from None
    for _ in range(MOST_LEVELS + 1):
        inner = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        if not inner:
            return
        level = [part for parts in inner for part in parts]
    raise ValueError("nested too deeply")


def _check_length(number: str) -> None:
    if len(number) > MOST_DIGITS:
        raise ValueError("a number is too long")


def _check_range(number: str) -> None:
    _check_length(number)
    if math.isinf(float(number)):
        raise ValueError("a number is out of range")


def validate(text: bytes) -> None:
    """Raise ValueError unless `text` is exactly one JSON value in UTF-8."""
    try:
        if not text.isascii():
            text.decode()  # the skipper looks only at a string's quotes and escapes
        _SKIPPER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
