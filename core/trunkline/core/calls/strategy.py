"""Submit strategies: which stored calls wait for an earlier one, and what makes that wait end.

Only calls behind a call are held by it, only stored ones, and only by what is known to be in the store: lightweight
calls neither hold nor wait.
"""

from collections.abc import Mapping
from typing import Final

from trunkline.core.calls.line import Line
from trunkline.core.calls.model import Call, State, Strategy

_COMMITTED: Final = frozenset(State) - {State.STORING}

HOLDS: Final[Mapping[Strategy, frozenset[State]]] = {
    Strategy.BURST: frozenset(),
    Strategy.ON_ACK: _COMMITTED - {State.DELIVERED},
    Strategy.ON_RESPONSE: _COMMITTED,
}
"""States in which a living call holds the stored calls behind it."""


class Holders:
    """The calls of one device that hold those behind them, in order. No call begins to hold once it has ceased to."""

    __slots__ = ("_line",)

    def __init__(self) -> None:
        self._line = Line()

    @property
    def first(self) -> Call | None:
        """The one for which the others wait."""
        return self._line.first if self._line else None

    def note(self, call: Call) -> None:
        """The call's state may have changed; it lives."""
        keeping = call.keeping
        assert keeping is not None
        if call.state in HOLDS[keeping.strategy]:
            self._line.add(call)
        else:
            self._line.discard(call)

    def discard(self, call: Call) -> None:
        """The call is over."""
        self._line.discard(call)

    def hold(self, call: Call) -> bool:
        """Whether the call has to wait for an earlier one."""
        if not self._line:
            return False
        first, own = self._line.first.keeping, call.keeping
        assert first is not None and own is not None
        return first.ordinal < own.ordinal
