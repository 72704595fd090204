"""Ids: 16 bytes inside, UUID text at the edges."""

import os
import uuid
from typing import Final, NewType

DeviceId = NewType("DeviceId", bytes)
TenantId = NewType("TenantId", bytes)
CustomerId = NewType("CustomerId", bytes)
UserId = NewType("UserId", bytes)
CallId = NewType("CallId", bytes)

NO_ID: Final = b""
"""How an absent id travels: empty, as proto3 writes it."""


def new_id() -> bytes:
    """A fresh random id (UUID version 4)."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)


def to_text(value: bytes) -> str:
    """An id as lower-case UUID text; empty for an absent one."""
    return str(uuid.UUID(bytes=value)) if value else ""


def from_text(text: str) -> bytes:
    """The id that UUID text stands for.

    Short groups are padded (`1-2-3-4-5`) and upper case is taken, as ThingsBoard's REST API does.
    Raises ValueError for anything else.
    """
    groups = text.split("-")
    if len(groups) != 5:
        raise ValueError(f"Invalid UUID string: {text}")
    widths = (8, 4, 4, 4, 12)
    if any(not 0 < len(group) <= width for group, width in zip(groups, widths, strict=True)):
        raise ValueError(f"Invalid UUID string: {text}")
    try:
        return bytes.fromhex("".join(group.zfill(width) for group, width in zip(groups, widths, strict=True)))
    except ValueError:
        raise ValueError(f"Invalid UUID string: {text}") from None
