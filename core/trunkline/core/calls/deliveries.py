"""Deliveries: what one session has told of one call it was given, and the facts that follow for the call."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from trunkline.core.calls.model import Fact


class Delivery(StrEnum):
    """Where a delivery stands. Until it is gone it holds one of its session's slots."""

    IMPLIED = "implied"
    """On its way to a worker whose ack will mean that the device has it."""
    EXPLICIT = "explicit"
    """On its way to a worker whose ack will mean that it is written; a report follows."""
    WRITTEN = "written"
    """Written to the device, whose acknowledgement is awaited."""
    UNACKNOWLEDGED = "unacknowledged"
    """Reported so; only a late acknowledgement or the session's end frees the slot."""
    LOST_IMPLIED = "lost implied"
    """Given up with its session; kept while its call lives, should the worker tell of it after all."""
    LOST_EXPLICIT = "lost explicit"
    """The same for a session that reports."""


class Told(NamedTuple):
    """What a session's word means for the call. `closes`: the session has told its fate, it counts as open no more."""

    fact: Fact
    closes: bool


UNACKED: Final = frozenset({Delivery.IMPLIED, Delivery.EXPLICIT})
"""The worker has not said anything."""

OPEN: Final = UNACKED | {Delivery.WRITTEN}
"""Its fate is still to be told: counted in `Call.open`."""

LOST: Final[Mapping[Delivery, Delivery]] = {
    Delivery.IMPLIED: Delivery.LOST_IMPLIED,
    Delivery.EXPLICIT: Delivery.LOST_EXPLICIT,
}
"""What becomes of an unacknowledged delivery when its worker is taken for lost."""

ACKED: Final[Mapping[Delivery, Told]] = {
    Delivery.IMPLIED: Told(Fact.DELIVERED, True),
    Delivery.EXPLICIT: Told(Fact.WRITTEN, False),
    Delivery.LOST_IMPLIED: Told(Fact.DELIVERED, False),
    Delivery.LOST_EXPLICIT: Told(Fact.NOT_ACKNOWLEDGED, False),
}
"""What the worker's ack says of each; the others were acknowledged before."""

ACKED_AFTER_END: Final[Mapping[Delivery, Told]] = {**ACKED, Delivery.EXPLICIT: Told(Fact.NOT_ACKNOWLEDGED, True)}
"""The same once the session is over: nobody is left to report the device's acknowledgement."""
