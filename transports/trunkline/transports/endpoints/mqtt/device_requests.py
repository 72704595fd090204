"""The requests of one device that the core has not answered yet: its own calls, and those for attributes."""

from typing import NamedTuple

from trunkline.transports.endpoints.mqtt.topics import Answer


class DeviceRequest(NamedTuple):
    """`request_id` is the device's own."""

    answer: Answer
    request_id: int
    due_ms: int
    at_timeout: bytes
    """What the device gets if no answer comes; empty: nothing."""


class DeviceRequests:
    """By the number that the core knows them by. All wait equally long, so the oldest is due first."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[int, DeviceRequest] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, number: int, request: DeviceRequest) -> None:
        """The core was asked."""
        self._open[number] = request

    def answered(self, number: int) -> DeviceRequest | None:
        """The core answered; None: too late, or twice."""
        return self._open.pop(number, None)

    def overdue(self, now: int) -> list[DeviceRequest]:
        """Those that waited too long; they are open no more."""
        late = []
        while self._open:
            number, oldest = next(iter(self._open.items()))
            if oldest.due_ms > now:
                break
            late.append(self._open.pop(number))
        return late
