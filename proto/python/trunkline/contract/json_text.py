"""JSON as bytes: validated once, where it comes in, and never rebuilt, so numbers and key order stay as sent."""

import msgspec

NULL = b"null"

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


def validate(text: bytes) -> None:
    """Raise ValueError unless `text` is exactly one JSON value in UTF-8."""
    try:
        if not text.isascii():
            text.decode()  # the skipper looks only at a string's quotes and escapes
        _SKIPPER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
