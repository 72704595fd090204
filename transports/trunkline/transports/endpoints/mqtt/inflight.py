"""The QoS 1 publishes on their way to one device: their packet identifiers, until the device acknowledges them."""

from typing import Final, NamedTuple

LARGEST_PACKET_ID: Final = 0xFFFF

NEVER: Final = 1 << 62
"""The due time of an acknowledgement that was already reported missing, or that nobody waits for."""


class Flight(NamedTuple):
    """One publish; `request_id` 0: it is not a call."""

    request_id: int
    due_ms: int


class Inflight:
    """An identifier stays taken until its acknowledgement, however late that is. There are never 65,535 at once: the
    caller holds at most Receive Maximum or fewer. A call that is sent again has one for each of its publishes.
    """

    __slots__ = ("_flights", "_last_id")

    def __init__(self) -> None:
        self._flights: dict[int, Flight] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._flights)

    def add(self, request_id: int, due_ms: int) -> int:
        """The packet identifier of a new publish."""
        flights = self._flights
        packet_id = self._last_id
        while True:
            packet_id = packet_id + 1 if packet_id < LARGEST_PACKET_ID else 1
            if packet_id not in flights:
                break
        self._last_id = packet_id
        flights[packet_id] = Flight(request_id, due_ms)
        return packet_id

    def acknowledged(self, packet_id: int) -> int:
        """The request id of the call that the device acknowledged; 0 if it was none, or is not known (any more)."""
        flight = self._flights.pop(packet_id, None)
        return 0 if flight is None else flight.request_id

    def overdue(self, now: int) -> list[int]:
        """The request ids of the calls that were to be acknowledged by now; each is named once."""
        late = [(packet_id, flight) for packet_id, flight in self._flights.items() if flight.due_ms <= now]
        for packet_id, flight in late:
            self._flights[packet_id] = Flight(flight.request_id, NEVER)
        return [flight.request_id for _, flight in late]

    def postpone(self, ms: int) -> None:
        """Give every acknowledgement that is awaited so much more time."""
        self._flights = {
            packet_id: flight if flight.due_ms == NEVER else Flight(flight.request_id, flight.due_ms + ms)
            for packet_id, flight in self._flights.items()
        }

    def stuck(self) -> int:
        """How many calls were reported unacknowledged and still hold their identifiers."""
        return sum(flight.due_ms == NEVER and flight.request_id != 0 for flight in self._flights.values())

    def awaited(self) -> bool:
        """Whether an acknowledgement may still become overdue."""
        return any(flight.due_ms != NEVER for flight in self._flights.values())
