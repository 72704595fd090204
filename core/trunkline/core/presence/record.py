"""What this core itself knows of one device's presence, and each session's part in it."""

from trunkline.core.presence.model import PresenceChange

NEVER_HEARD = -(1 << 62)
"""On any monotonic clock."""


class DeviceRecord:
    """One device's, from its first session here until its last one is over and written. Wall times are Unix
    milliseconds; 0: not in this record's life."""

    __slots__ = (
        "connections",
        "device_id",
        "heard_ms",
        "last_activity_unix_ms",
        "last_connect_unix_ms",
        "last_disconnect_unix_ms",
        "sessions",
    )

    def __init__(self, device_id: bytes) -> None:
        self.device_id = device_id
        self.sessions = 0
        self.connections = 0
        """Those of the sessions that connect their device, as a poll does not."""
        self.heard_ms = NEVER_HEARD
        """When it was last heard of, on the monotonic clock."""
        self.last_connect_unix_ms = 0
        self.last_disconnect_unix_ms = 0
        self.last_activity_unix_ms = 0

    def change(self, *, connected: bool) -> PresenceChange:
        """What its row must know."""
        return PresenceChange(
            self.device_id,
            connected,
            self.last_connect_unix_ms,
            self.last_disconnect_unix_ms,
            self.last_activity_unix_ms,
        )


class Visit:
    """A session, as presence sees it."""

    __slots__ = ("connects", "over", "record")

    def __init__(self, record: DeviceRecord, *, connects: bool) -> None:
        self.record = record
        self.connects = connects
        self.over = False
