"""The late table: calls that ended without their reply, so that a reply that still comes is told from a stray one."""

from collections import OrderedDict
from enum import StrEnum
from typing import Final

LATE_MS: Final = 600_000
"""How long a reply may still be called late."""

MAX_LATE: Final = 100_000
"""Entries of all devices together; beyond it the oldest are forgotten first."""


class ReplyKind(StrEnum):
    """What a reply is that completes no living call."""

    LATE = "late"
    """Its call ended without it."""
    DUPLICATE = "duplicate"
    """Its call had its reply already, or wanted none."""
    UNKNOWN = "unknown"
    """Nobody remembers such a call: it is from before the core's start, too old, or invented."""


class LateTable:
    """(device, request id) of calls that ended without a reply, oldest first. Pure; `now` is monotonic milliseconds."""

    __slots__ = ("_answered", "_ended", "_keep_ms", "_max_entries")

    def __init__(self, keep_ms: int = LATE_MS, max_entries: int = MAX_LATE) -> None:
        self._keep_ms = keep_ms
        self._max_entries = max_entries
        self._ended: OrderedDict[tuple[bytes, int], int] = OrderedDict()
        self._answered: set[tuple[bytes, int]] = set()

    def __len__(self) -> int:
        return len(self._ended)

    def __contains__(self, key: tuple[bytes, int]) -> bool:
        return key in self._ended

    def remember(self, device_id: bytes, request_id: int, now: int) -> None:
        """A call ended without its reply."""
        key = (device_id, request_id)
        self._ended[key] = now
        self._ended.move_to_end(key)
        self._answered.discard(key)
        self._forget(now)

    def classify(self, device_id: bytes, request_id: int, now: int, issued: bool = False) -> ReplyKind:
        """Say what a stray reply is; the second one to the same call is a duplicate. `issued` as in `StrayReply`."""
        self._forget(now)
        key = (device_id, request_id)
        if key in self._answered:
            return ReplyKind.DUPLICATE
        if key in self._ended:
            self._answered.add(key)
            return ReplyKind.LATE
        return ReplyKind.DUPLICATE if issued else ReplyKind.UNKNOWN

    def _forget(self, now: int) -> None:
        ended = self._ended
        oldest_allowed = now - self._keep_ms
        while ended:
            key = next(iter(ended))
            if ended[key] >= oldest_allowed and len(ended) <= self._max_entries:
                break
            del ended[key]
            self._answered.discard(key)
