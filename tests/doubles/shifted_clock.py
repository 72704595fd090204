"""The real clock, ahead of itself by as much as the test says: for shells whose timers are real."""

from trunkline.contract.clock import monotonic_ms


class ShiftedClock:
    """Monotonic milliseconds, as `trunkline.contract.clock.Clock` wants them."""

    def __init__(self) -> None:
        self._ahead_ms = 0

    def __call__(self) -> int:
        return monotonic_ms() + self._ahead_ms

    def advance(self, milliseconds: int) -> None:
        """Jump ahead."""
        self._ahead_ms += milliseconds
