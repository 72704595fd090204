"""What each cause means and what to do about it, for people. docs/explain.md has the same words; a test compares."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from trunkline.core.presence.model import Presence
from trunkline.v1.error_pb2 import Cause


class Hint(NamedTuple):
    """Two sentences or so."""

    meaning: str
    advice: str

    def __str__(self) -> str:
        return f"{self.meaning} {self.advice}"


NEVER_CONNECTED: Final = Hint(
    "The device has never connected.",
    "Check that it is switched on, and that it has the address of this server and the right credentials.",
)
"""Instead of that of DEVICE_OFFLINE."""

HINTS: Final[Mapping[Cause.ValueType, Hint]] = {
    Cause.CAUSE_DEVICE_OFFLINE: Hint(
        "The device was not connected, so the call was not sent.",
        "See when it was last here; give the call a later deadline, or store it, if it may wait for the device.",
    ),
    Cause.CAUSE_DEVICE_NOT_SUBSCRIBED: Hint(
        "The device is connected but has not subscribed to calls, so the call was not sent.",
        "Let it subscribe to the topic of its calls, or observe or poll them, whichever its protocol has.",
    ),
    Cause.CAUSE_DEVICE_BUSY: Hint(
        "The device has as many unacknowledged deliveries as it takes at once, so the call was not sent.",
        "Send fewer calls at once, or let the device acknowledge sooner.",
    ),
    Cause.CAUSE_NO_ACK_FROM_WORKER: Hint(
        "The call was handed to the device's transport worker, which has not said whether the device got it.",
        "The worker or its connection to the core is slow or broken: look at its log.",
    ),
    Cause.CAUSE_NO_ACK_FROM_DEVICE: Hint(
        "The call was written to the device, which did not acknowledge it.",
        "Its connection may be dead without anybody knowing yet; a stored call is sent again as often as `retries`"
        " allows.",
    ),
    Cause.CAUSE_NO_REPLY: Hint(
        "The call was sent, and the device has not answered.",
        "Check that the device knows the method and answers with the request id that it got, or give it more time.",
    ),
    Cause.CAUSE_EXPIRED_ON_ARRIVAL: Hint(
        "The deadline had passed when the call came.",
        "Check the clock of the caller, and how long its request was on its way.",
    ),
    Cause.CAUSE_HUNG_UP: Hint(
        "The caller went away before the call ended.",
        "Look at the caller's own timeout; store calls whose end matters without anybody waiting.",
    ),
    Cause.CAUSE_CANCELLED: Hint(
        "Somebody cancelled the call.",
        "The timeline says whether the device had got it by then.",
    ),
    Cause.CAUSE_QUEUE_FULL: Hint(
        "Too many calls were pending, of this device, its tenant or the whole server.",
        "Try again when some have ended, and see why they are pending.",
    ),
    Cause.CAUSE_WORKER_LOST: Hint(
        "The device's transport worker vanished with the call, so nobody knows whether the device got it.",
        "Look at the worker's log; with `redelivery` `unanswered` or `undelivered` such calls are sent again.",
    ),
    Cause.CAUSE_CORE_LOST: Hint(
        "The connection to the core broke while the caller waited.",
        "Calls without storage are lost with it; look at the core's log.",
    ),
    Cause.CAUSE_CORE_DRAINING: Hint(
        "The core was told to stop while the caller waited.",
        "Call again; stored calls go on when the core is back.",
    ),
    Cause.CAUSE_DEVICE_DELETED: Hint(
        "The device was deleted while the call was open.",
        "Nothing can be done.",
    ),
    Cause.CAUSE_DEVICE_TRANSPORT_ERROR: Hint(
        "The device's transport could not convert the call, or what the device answered.",
        "The detail says what was wrong; check the device profile's formats.",
    ),
    Cause.CAUSE_REPLY_NOT_JSON: Hint(
        "The device answered with bytes that are no JSON, which REST cannot pass on.",
        "Read the reply over gRPC, or let the device answer in JSON.",
    ),
    Cause.CAUSE_IDEMPOTENCY_CONFLICT: Hint(
        "The call's id or idempotency key belongs to a call with other content.",
        "Use a fresh one for each new call.",
    ),
    Cause.CAUSE_STREAM_BROKEN: Hint(
        "The caller's stream ended before the call was sent.",
        "Open a new stream and call again.",
    ),
    Cause.CAUSE_NO_REPLY_IN_TURN: Hint(
        "The device did not answer in the time after which its next stored call goes out.",
        "Let it answer sooner, raise `response_timeout_ms`, or choose another submit strategy.",
    ),
    Cause.CAUSE_COMMIT_UNKNOWN: Hint(
        "The database went away while the call was being stored; it is not delivered.",
        "It is safe to call again, under another id or key.",
    ),
    Cause.CAUSE_BEHIND_OTHERS: Hint(
        "Earlier stored calls of the device have to come first, so the call was not sent.",
        "Give it a later deadline, or choose a submit strategy that does not wait for them.",
    ),
}
"""Every cause there is."""


def hint(cause: Cause.ValueType, presence: Presence | None = None) -> str:
    """What to tell somebody about a cause; empty for none. `presence` is the device's, if it is still there."""
    if cause == Cause.CAUSE_DEVICE_OFFLINE and presence is not None and not presence.last_activity_unix_ms:
        return str(NEVER_CONNECTED)
    return str(HINTS[cause]) if cause in HINTS else ""
