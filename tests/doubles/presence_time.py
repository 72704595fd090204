"""Time for those who keep presence: both clocks of a tracker, moved together when told."""

from collections.abc import Awaitable, Callable

from doubles.manual_clock import ManualClock
from doubles.wall_clock import WallClock

from trunkline.core.presence.model import Presence
from trunkline.core.presence.tracker import PresenceTracker

INACTIVITY_MS = 600_000

NewTracker = Callable[[], Awaitable[PresenceTracker]]
"""What a start of the core makes."""

Row = Callable[[bytes], Awaitable[Presence]]
"""What the store says of a device of the first tenant."""


class Time:
    """The monotonic and the wall clock."""

    def __init__(self, wall: WallClock) -> None:
        self.monotonic = ManualClock()
        self.wall = wall

    def pass_ms(self, milliseconds: int) -> None:
        self.monotonic.advance(milliseconds)
        self.wall.now_s += milliseconds / 1000

    @property
    def unix_ms(self) -> int:
        return self.wall.now_ms
