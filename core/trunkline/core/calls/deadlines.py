"""One timer structure for all devices: who is to be woken, and when."""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

SLACK: Final = 64
"""Outdated heap entries that are put up with before the heap is rebuilt, beyond as many as there are living ones."""


class Deadlines(Generic[K]):
    """At most one wake-up per key; arming a key again replaces its time. Pure: times are monotonic milliseconds."""

    __slots__ = ("_armed", "_heap", "_serial")

    def __init__(self) -> None:
        self._armed: dict[K, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._serial = count()

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, key: K, at_ms: int) -> None:
        """Wake `key` at this time, not at the one armed before."""
        serial = next(self._serial)  # never equal, so that the heap never compares keys
        self._armed[key] = (at_ms, serial)
        heappush(self._heap, (at_ms, serial, key))
        if len(self._heap) > 2 * len(self._armed) + SLACK:
            self._heap = [(at, number, living) for living, (at, number) in self._armed.items()]
            heapify(self._heap)

    def disarm(self, key: K) -> None:
        """Do not wake `key`; its heap entry is dropped when it surfaces."""
        self._armed.pop(key, None)

    def due(self, now: int) -> list[K]:
        """Take out the keys whose time has come, earliest first."""
        keys: list[K] = []
        while (at := self.next_at()) is not None and at <= now:
            key = heappop(self._heap)[2]
            del self._armed[key]
            keys.append(key)
        return keys

    def next_at(self) -> int | None:
        """When somebody is due next; None: nobody is armed."""
        heap = self._heap
        while heap:
            at_ms, serial, key = heap[0]
            if self._armed.get(key) == (at_ms, serial):
                return at_ms
            heappop(heap)
        return None
