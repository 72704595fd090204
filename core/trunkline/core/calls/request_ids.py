"""Request ids: the numbers devices see, never given out again while a late reply to an earlier one could still come.

An id is `(start mod 2047 + 1) · 2²⁰` plus a 20-bit counter of its device. `start` grows with every start of the core: a
reply that crosses a restart never completes another call, and no id needs a write to the store.
"""

from collections.abc import Container
from typing import Final

COUNTER_BITS: Final = 20
COUNTER_MASK: Final = (1 << COUNTER_BITS) - 1
STARTS: Final = 2047
"""So many starts pass before a prefix comes again; the largest id is 2³¹ − 1."""


class RequestIds:
    """Gives out ids. Counters outlive the devices' machines: one integer for each device that was ever called."""

    __slots__ = ("_counters", "_prefix")

    def __init__(self, start: int) -> None:
        self._prefix = (start % STARTS + 1) << COUNTER_BITS
        self._counters: dict[bytes, int] = {}

    def next(self, device_id: bytes, taken: Container[int]) -> int:
        """A fresh id for the device, none of the `taken` ones: those of living calls and of the late table."""
        count = self._counters.get(device_id, 0)
        self._counters[device_id] = count + 1
        if count <= COUNTER_MASK:  # only after 2²⁰ calls to one device can an id come again
            return self._prefix | count
        request_id = self._prefix | count & COUNTER_MASK
        while request_id in taken:
            count += 1
            request_id = self._prefix | count & COUNTER_MASK
        self._counters[device_id] = count + 1
        return request_id

    def issued(self, device_id: bytes, request_id: int) -> bool:
        """Whether this start gave the id to the device."""
        if request_id & ~COUNTER_MASK != self._prefix:
            return False
        return request_id & COUNTER_MASK < self._counters.get(device_id, 0)
