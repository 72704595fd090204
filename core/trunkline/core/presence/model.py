"""When a device was there, as everybody is told."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether and when a device was there. Times are Unix milliseconds, 0: never."""

    connected: bool
    """It has a session now."""
    active: bool
    """It was heard of within the inactivity timeout, whether it is connected or not."""
    last_connect_unix_ms: int
    last_disconnect_unix_ms: int
    last_activity_unix_ms: int


NEVER: Final = Presence(
    connected=False, active=False, last_connect_unix_ms=0, last_disconnect_unix_ms=0, last_activity_unix_ms=0
)
"""Of a device that was never there."""


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """What became known of a device's presence. A time of 0 leaves that time as it is."""

    device_id: bytes
    connected: bool
    last_connect_unix_ms: int
    last_disconnect_unix_ms: int
    last_activity_unix_ms: int
