"""The late table: calls that ended without their reply, so that a reply that still comes is told from a stray one."""

from collections import OrderedDict
from typing import Final

from trunkline.core.calls.model import Stray

LATE_MS: Final = 600_000
"""How long a reply may still be called late."""

MAX_LATE: Final = 100_000
"""Entries of all devices together; beyond it the oldest are forgotten first."""


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

    def __contains__(self, key: object) -> bool:
        return key in self._ended

    def remember(self, device_id: bytes, request_id: int, now: int) -> None:
        """A call ended without its reply."""
        key = (device_id, request_id)
        self._ended[key] = now
        self._ended.move_to_end(key)
        self._answered.discard(key)
        self._forget(now)

    def classify(self, device_id: bytes, request_id: int, now: int, issued: bool) -> Stray:
        """Say what a stray reply is. `issued`: this start gave its id to the device; if forgotten, it was answered."""
        self._forget(now)
        key = (device_id, request_id)
        if key in self._answered:
            return Stray.DUPLICATE
        if key in self._ended:
            self._answered.add(key)
            return Stray.LATE
        return Stray.DUPLICATE if issued else Stray.UNKNOWN

    def _forget(self, now: int) -> None:
        ended = self._ended
        oldest_allowed = now - self._keep_ms
        while ended:
            key = next(iter(ended))
            if ended[key] >= oldest_allowed and len(ended) <= self._max_entries:
                break
            del ended[key]
            self._answered.discard(key)
