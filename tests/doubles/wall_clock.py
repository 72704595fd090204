"""A wall clock that moves when told."""


class WallClock:
    """Call it for the time in seconds, as `time.time`."""

    def __init__(self, now_s: float = 1_720_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    @property
    def now_ms(self) -> int:
        """The same in milliseconds."""
        return int(self.now_s * 1000)
