"""Why a device got a call once more. There are five reasons; a write that has none of them is a fault."""

from enum import StrEnum
from typing import Final

from system.crash.ledger import Entry, Ledger, Write

BEHIND_S: Final = 1.0
"""How much later than a fact its mark may be stored, while the database is up."""

BACK_S: Final = 2.0
"""How much later than the database the core writes again: its pauses grow while there is none."""

ON_THE_WAY_S: Final = 1.0
"""How long a device's acknowledgement may take to count; one whose connection ended meanwhile may not count."""

LATE_S: Final = 0.1
"""How much earlier than its timeout a missing acknowledgement may be seen from the device's side."""


class Why(StrEnum):
    """A reason to write a call again."""

    UNANSWERED = "the device subscribed again: redelivery unanswered"
    UNDELIVERED = "the device subscribed again: redelivery undelivered"
    ACK_TIMEOUT = "no acknowledgement in time, within the retries"
    WORKER_LOST = "the worker that held it unacknowledged was killed"
    MARK_LOST = "the core was killed before it had stored what became of it"


def why(entry: Entry, before: Write, after: Write, ledger: Ledger, ack_timeout_s: float) -> Why | None:
    """The reason of the second of two writes in a row; None: there is none."""
    redelivery = entry.wish.redelivery
    again = before.connection != after.connection
    acknowledged = was_acknowledged(entry, before, after, ledger)
    if again and not acknowledged and redelivery != "never" and worker_was_lost(before, after, ledger):
        return Why.WORKER_LOST
    if again and redelivery == "unanswered":
        return Why.UNANSWERED
    if again and redelivery == "undelivered" and not acknowledged:
        return Why.UNDELIVERED
    if not entry.wish.stored:
        return None
    if ran_out(entry, before, after, ledger, ack_timeout_s):
        return Why.ACK_TIMEOUT
    if mark_was_lost(before, after, ledger):
        return Why.MARK_LOST
    return None


def was_acknowledged(entry: Entry, before: Write, after: Write, ledger: Ledger) -> bool:
    """Whether the server must know that the device acknowledged the earlier write; at QoS 0 writing it is enough."""
    acknowledged_at = before.acked_at if ledger.qos[entry.wish.device] else before.at
    return acknowledged_at + ON_THE_WAY_S < min(ledger.connections[before.connection].ended_at, after.at)


def worker_was_lost(before: Write, after: Write, ledger: Ledger) -> bool:
    """Whether the worker was killed between the two."""
    return any(before.at - ON_THE_WAY_S <= down.at for down in ledger.down("mqtt", before.at, after.at))


def ran_out(entry: Entry, before: Write, after: Write, ledger: Ledger, ack_timeout_s: float) -> bool:
    """Whether the earlier write was not acknowledged in time, and a retry was left."""
    if not ledger.qos[entry.wish.device]:
        return False
    unacknowledged = [
        write
        for write in entry.writes
        if min(write.acked_at, ledger.connections[write.connection].ended_at, after.at) - write.earliest
        >= ack_timeout_s - LATE_S
    ]
    counted = (
        write
        for write in unacknowledged
        if write.at <= before.at and not lost_with_the_core(write.earliest + ack_timeout_s, after.at, ledger)
    )
    return before in unacknowledged and sum(1 for _ in counted) <= entry.wish.retries


def mark_was_lost(before: Write, after: Write, ledger: Ledger) -> bool:
    """Whether what became of the earlier write need not be stored."""
    return lost_with_the_core(before.at, after.at, ledger)


def lost_with_the_core(at: float, until: float, ledger: Ledger) -> bool:
    """Whether the core was killed so soon after a fact of this time that its mark need not be stored; as long as the
    database is down nothing is."""
    return any(
        down.at - at <= BEHIND_S or any(True for _ in ledger.down("postgres", at - BACK_S, down.at))
        for down in ledger.down("core", at, until)
    )
