"""A device's sessions as its machine sees them: subscription, slots, deliveries and what waits for a slot."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from trunkline.core.calls.model import Call, SessionKey
from trunkline.v1.transport_service_pb2 import Acknowledgement, SessionKind


class Delivery(StrEnum):
    """What a session has told of a call it was given. Every delivery holds a slot until it is gone."""

    IMPLIED = "implied"
    """Unacknowledged by the worker, whose ack will mean DELIVERED."""
    EXPLICIT = "explicit"
    """Unacknowledged by the worker, whose ack will mean WRITTEN; a report follows."""
    WRITTEN = "written"
    """The device's acknowledgement is awaited."""
    UNACKNOWLEDGED = "unacknowledged"
    """Reported so; only a late acknowledgement or the session's end frees the slot."""
    LOST_IMPLIED = "lost implied"
    LOST_EXPLICIT = "lost explicit"
    """Given up with its session; kept while the call lives, should the worker come back after all."""


UNACKED: Final = frozenset({Delivery.IMPLIED, Delivery.EXPLICIT})
"""On its way: the worker has not said anything."""

OPEN: Final = UNACKED | {Delivery.WRITTEN}
"""Its fate is still to be told: counted in `Call.open`."""

LOST: Final = {Delivery.IMPLIED: Delivery.LOST_IMPLIED, Delivery.EXPLICIT: Delivery.LOST_EXPLICIT}


class Session:
    """One session. `epoch` grows with every session of the device; `max_inflight` is its number of slots."""

    __slots__ = (
        "asynchronous",
        "deliveries",
        "epoch",
        "key",
        "max_inflight",
        "offers_as",
        "paused_until",
        "poll",
        "replaced",
        "subscribed",
        "suspended",
        "waiting",
    )

    def __init__(self, key: SessionKey, epoch: int, kind: SessionKind.ValueType, max_inflight: int) -> None:
        self.key = key
        self.suspended = False  # its link is broken; it may resume
        self.replaced = False  # told to close: gets nothing more, still speaks for what it has
        self.subscribed = False
        self.offers_as = Delivery.IMPLIED
        self.paused_until = 0
        self.deliveries: dict[int, Delivery] = {}
        self.waiting: dict[int, Call] = {}
        self.describe(epoch, kind, max_inflight)

    def describe(self, epoch: int, kind: SessionKind.ValueType, max_inflight: int) -> None:
        """Set what the worker says of the session when it opens or resumes it."""
        self.epoch = epoch
        self.asynchronous = kind == SessionKind.SESSION_KIND_ASYNCHRONOUS
        self.poll = kind == SessionKind.SESSION_KIND_SYNCHRONOUS  # takes one call, then must subscribe again
        self.max_inflight = max(1, max_inflight)

    def subscribe(self, acknowledgement: Acknowledgement.ValueType) -> None:
        """Take calls from now on; `acknowledgement` says what an ack of theirs will mean."""
        self.subscribed = True
        explicit = acknowledgement == Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
        self.offers_as = Delivery.EXPLICIT if explicit else Delivery.IMPLIED

    def unsubscribe(self) -> None:
        """Take no more calls."""
        self.subscribed = False
        self.waiting.clear()

    @property
    def taking(self) -> bool:
        """Whether calls may be given to it, now or when a slot is free."""
        return self.subscribed and not self.suspended


def beyond_limit(sessions: Iterable[Session], limit: int) -> list[Session]:
    """The sessions to close so that `limit` asynchronous ones stay: those with the lowest epochs."""
    counted = [one for one in sessions if one.asynchronous and not one.replaced]
    if len(counted) <= limit:
        return []
    counted.sort(key=lambda one: one.epoch)
    return counted[: len(counted) - limit]
