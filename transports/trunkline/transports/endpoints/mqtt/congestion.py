"""A device that takes less than it is sent: for how long, and how much may still be written to it."""


class Congestion:
    """Exists while the socket's buffer is over its limit. Meanwhile the device is not read and gets no calls; only what
    it already asked for is still answered, up to a bound."""

    __slots__ = ("_room", "_since_ms", "_waiting")

    def __init__(self, waiting: int, room: int, now: int) -> None:
        """`waiting`: bytes in the buffer; `room`: how many more may be written; `now`: the sessions' time, ms."""
        self._waiting = waiting
        self._room = room
        self._since_ms = now

    def takes(self, size: int) -> bool:
        """Whether so many bytes may still be written; they count as written."""
        self._room -= size
        return self._room >= 0

    def stuck_ms(self, waiting: int, now: int) -> int:
        """How long the device has taken nothing; `waiting` are the bytes in the buffer now."""
        if waiting < self._waiting:
            self._since_ms = now
        self._waiting = waiting
        return now - self._since_ms
