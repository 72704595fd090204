"""Stored calls in the order they were accepted, whatever order they come and go in."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final

from trunkline.core.calls.model import Call

_ORDINAL: Final = attrgetter("keeping.ordinal")


class Line:
    """A sorted list of stored calls. Nearly all of them come at its end and leave at its front."""

    __slots__ = ("_calls",)

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        self._calls = list(calls)  # in order already

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, call: Call) -> bool:
        at = bisect_left(self._calls, _ORDINAL(call), key=_ORDINAL)
        return at < len(self._calls) and self._calls[at] is call

    @property
    def first(self) -> Call:
        """The earliest; there must be one."""
        return self._calls[0]

    @property
    def last(self) -> Call:
        """The latest; there must be one."""
        return self._calls[-1]

    def add(self, call: Call) -> None:
        """Put a call in its place, unless it is there."""
        calls, ordinal = self._calls, _ORDINAL(call)
        if not calls or _ORDINAL(calls[-1]) < ordinal:
            calls.append(call)
            return
        at = bisect_left(calls, ordinal, key=_ORDINAL)
        if calls[at] is not call:
            calls.insert(at, call)

    def discard(self, call: Call) -> None:
        """Take a call out, if it is there."""
        calls = self._calls
        if not calls:
            return
        if calls[0] is call:
            del calls[0]
            return
        ordinal = _ORDINAL(call)
        if ordinal < _ORDINAL(calls[0]):  # it went out, while those behind it wait
            return
        at = bisect_left(calls, ordinal, key=_ORDINAL)
        if at < len(calls) and calls[at] is call:
            del calls[at]

    def take_first(self) -> Call:
        """Take the earliest out."""
        return self._calls.pop(0)

    def clear(self) -> None:
        """Take all out."""
        self._calls.clear()
