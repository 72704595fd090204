"""A clock that stands still until the test moves it."""


class ManualClock:
    """Monotonic milliseconds, as `trunkline.contract.clock.Clock` wants them."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> int:
        """Let time pass; returns the new time."""
        self.now += milliseconds
        return self.now
