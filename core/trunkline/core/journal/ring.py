"""The last changes of all calls, each with its number, in bounded memory."""

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from trunkline.v1.call_pb2 import CallKind, CallState, Outcome
from trunkline.v1.error_pb2 import Cause

LONGEST_METHOD: Final = 255
"""Characters of a method that are kept: a call's own may be as long as its params."""


class CallEvent(msgspec.Struct, frozen=True, gc=False):
    """A call's state changed. It holds nothing of the call, which may be forgotten meanwhile."""

    unix_ns: int
    tenant_id: bytes
    device_id: bytes
    call_id: bytes
    method: str
    """Empty for a stored call whose method is not in memory."""
    kind: CallKind.ValueType
    persistent: bool
    state: CallState.ValueType
    outcome: Outcome.ValueType = Outcome.OUTCOME_UNSPECIFIED
    """Unspecified while the call lives."""
    cause: Cause.ValueType = Cause.CAUSE_UNSPECIFIED
    late_reply: bool = False


Listener: TypeAlias = Callable[[int, CallEvent], None]


class Ring:
    """Numbers events from 0 and keeps the last ones."""

    __slots__ = ("_events", "end", "listener")

    def __init__(self, max_events: int) -> None:
        self._events: deque[CallEvent] = deque(maxlen=max_events)
        self.end = 0
        """The number of the next event."""
        self.listener: Listener | None = None
        """Is told of every event and its number."""

    def append(self, event: CallEvent) -> None:
        """Something happened."""
        self._events.append(event)
        number = self.end
        self.end = number + 1
        if self.listener is not None:
            self.listener(number, event)

    @property
    def begin(self) -> int:
        """The number of the oldest event that is kept."""
        return self.end - len(self._events)

    def __getitem__(self, number: int) -> CallEvent:
        """The event of this number, which must be kept."""
        return self._events[number - self.begin]
