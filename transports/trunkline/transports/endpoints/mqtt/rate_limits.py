"""How much a device may say in a time, in ThingsBoard's terms: `20:1,600:60` is 20 in a second and 600 in a minute."""

from collections.abc import Callable
from typing import Final, NamedTuple

Clock = Callable[[], int]
"""Monotonic milliseconds. The contract's name for it stands beside the real clock, which sessions must not import."""

LONGEST_S: Final = 31 * 24 * 3600
LARGEST: Final = 1_000_000_000
_LOOKED_THROUGH_MS: Final = 60_000
"""How often devices that are not limited any more are forgotten."""


class Limit(NamedTuple):
    """So many in so long, refilled evenly."""

    capacity: int
    period_ms: int


def limits(text: str) -> tuple[Limit, ...]:
    """Reads `capacity:seconds[,capacity:seconds…]`; nothing, from an empty text. ValueError says what is wrong."""
    found = []
    for part in text.split(",") if text else ():
        capacity, colon, seconds = (piece.strip() for piece in part.partition(":"))
        if not (colon and capacity.isdecimal() and seconds.isdecimal()):
            raise ValueError(f"{part!r} is not of the form capacity:seconds")
        limit = Limit(int(capacity), int(seconds) * 1000)
        if not 1 <= limit.capacity <= LARGEST or not 1 <= int(seconds) <= LONGEST_S:
            raise ValueError(f"{part!r}: the capacity is 1 to {LARGEST}, the time 1 to {LONGEST_S} seconds")
        found.append(limit)
    return tuple(found)


class Bucket:
    """What is left to one device of one kind of limit. Integers only: a token is as many drops as its limit has
    milliseconds, and each millisecond brings `capacity` drops."""

    __slots__ = ("_at_ms", "_drops", "_limits")

    def __init__(self, of: tuple[Limit, ...], now: int) -> None:
        self._limits = of
        self._drops = [limit.capacity * limit.period_ms for limit in of]
        self._at_ms = now

    def take(self, tokens: int, now: int) -> bool:
        """Take so many if all limits allow it, else none."""
        passed, self._at_ms = now - self._at_ms, now
        allowed = True
        for index, limit in enumerate(self._limits):
            full = limit.capacity * limit.period_ms
            self._drops[index] = min(full, self._drops[index] + passed * limit.capacity)
            allowed = allowed and self._drops[index] >= tokens * limit.period_ms
        if allowed:
            for index, limit in enumerate(self._limits):
                self._drops[index] -= tokens * limit.period_ms
        return allowed


class DeviceRates:
    """One device's buckets; they outlive its connections, so that connecting again gains nothing."""

    __slots__ = ("_clock", "_data_points", "_messages", "_telemetry_messages", "spoke_ms")

    def __init__(self, messages: Bucket, telemetry_messages: Bucket, data_points: Bucket, clock: Clock) -> None:
        self._messages = messages
        self._telemetry_messages = telemetry_messages
        self._data_points = data_points
        self._clock = clock
        self.spoke_ms = clock()

    def message(self) -> bool:
        """Whether one more message without data points is allowed."""
        self.spoke_ms = now = self._clock()
        return self._messages.take(1, now)

    def data(self, points: int) -> bool:
        """Whether one more message with so many data points is allowed."""
        if not points:
            return self.message()
        self.spoke_ms = now = self._clock()
        return self._telemetry_messages.take(1, now) and self._data_points.take(points, now)


class RateLimits:
    """Those of one endpoint, for each of its devices. Exists only if something is limited."""

    def __init__(self, messages: str, telemetry_messages: str, data_points: str, clock: Clock) -> None:
        self._kinds = (limits(messages), limits(telemetry_messages), limits(data_points))
        self._clock = clock
        self._devices: dict[bytes, DeviceRates] = {}
        self._full_again_ms = max(limit.period_ms for kind in self._kinds for limit in kind)
        self._looked_ms = clock()

    def __len__(self) -> int:
        return len(self._devices)

    def of(self, device_id: bytes) -> DeviceRates:
        """A device's rates."""
        now = self._clock()
        if now - self._looked_ms >= _LOOKED_THROUGH_MS:
            self._looked_ms = now
            self._forget_the_silent(now)
        found = self._devices.get(device_id)
        if found is None:
            messages, telemetry_messages, data_points = (Bucket(kind, now) for kind in self._kinds)
            found = self._devices[device_id] = DeviceRates(messages, telemetry_messages, data_points, self._clock)
        return found

    def _forget_the_silent(self, now: int) -> None:
        """Whose buckets are full again is as if it had never been here."""
        self._devices = {
            device_id: rates for device_id, rates in self._devices.items() if now - rates.spoke_ms < self._full_again_ms
        }
