"""Ids: 16 bytes inside, UUID text at the edges."""

import os
from collections.abc import Iterator
from typing import Final

NO_ID: Final = b""
"""How an absent id travels: empty, as proto3 writes it."""

NO_ID_TEXT: Final = "13814000-1dd2-11b2-8080-808080808080"
"""How ThingsBoard writes an absent id, in JSON and in tokens."""


def new_id() -> bytes:
    """A fresh random id (UUID version 4)."""
    return next(new_ids(1))


def new_ids(block: int = 256) -> Iterator[bytes]:
    """Fresh random ids without end. The system is asked for the randomness of `block` ids at once: each asking is a
    system call, which costs more than all else about an id."""
    while True:
        raw = bytearray(os.urandom(16 * block))
        for start in range(0, len(raw), 16):
            raw[start + 6] = raw[start + 6] & 0x0F | 0x40
            raw[start + 8] = raw[start + 8] & 0x3F | 0x80
            yield bytes(raw[start : start + 16])


def to_text(value: bytes) -> str:
    """An id as lower-case UUID text; empty for an absent one."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}" if value else ""


def from_text(text: str) -> bytes:
    """The id that UUID text stands for.

    Short groups are padded (`1-2-3-4-5`) and upper case is taken, as ThingsBoard's REST API does.
    Raises ValueError for anything else.
    """
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        digits = text.replace("-", "")
    else:
        digits = _padded(text)
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        value = NO_ID
    if len(value) != 16:  # fromhex skips white space
        raise ValueError(f"Invalid UUID string: {text}")
    return value


def _padded(text: str) -> str:
    """The 32 digits of short-grouped UUID text; empty for what has not five groups of fitting length."""
    groups = text.split("-")
    widths = (8, 4, 4, 4, 12)
    if len(groups) != 5 or any(not 0 < len(group) <= width for group, width in zip(groups, widths, strict=True)):
        return ""
    return "".join([group.zfill(width) for group, width in zip(groups, widths, strict=True)])
