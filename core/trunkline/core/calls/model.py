"""A call, the facts and states of its life, and the effects by which the machine tells its shell what to do.

One `Call` object exists per call, from submit to end. Whoever submits it fills the first group of fields; the second
belongs to the machine and is only read elsewhere.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from trunkline.v1 import call_pb2
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

SessionKey: TypeAlias = Any
"""A session as its shell knows it, hashable and never reused. `Any`: a shell finds its own object in an effect."""


class State(StrEnum):
    """What is known of a living call. Stored calls will add states before QUEUED; a call that ended has none."""

    QUEUED = "queued"
    """Nobody has it: never written to a link, or known not to have reached the device."""
    OFFERED = "offered"
    """Given to at least one link; no worker has said yet what became of it."""
    UNSURE = "unsure"
    """A worker that had it vanished before it could say; nobody has said anything better."""
    SENT = "sent"
    """Written to the device; a session that has it may still get it acknowledged."""
    UNACKNOWLEDGED = "unacknowledged"
    """Written to the device; no session has it any more, and none got an acknowledgement."""
    DELIVERED = "delivered"
    """The device acknowledged it, or its transport knows no acknowledgement."""


class Fact(StrEnum):
    """What a session can tell of a call."""

    OFFER = "offer"
    """The call goes out to a session."""
    WRITTEN = "written"
    """The worker wrote it to the device; an acknowledgement is awaited."""
    DELIVERED = "delivered"
    """The device acknowledged it, or it was written where no acknowledgement exists."""
    NOT_SENT = "not sent"
    """It was certainly not written to the device."""
    NOT_ACKNOWLEDGED = "not acknowledged"
    """It was written, and the device did not acknowledge in time or before its session ended."""
    LOST = "lost"
    """The worker will never say what became of it."""
    OVER = "over"
    """Derived: no session has it any more."""


class Wants(StrEnum):
    """What a caller waits for."""

    SENDING = "sending"
    """One-way: that the call was handed to the device's transport."""
    DELIVERY = "delivery"
    """One-way with await_delivery: the device's acknowledgement."""
    REPLY = "reply"
    """Two-way: the device's reply."""


class Redelivery(StrEnum):
    """Which calls a device gets again when it subscribes again. The request id stays the same."""

    UNANSWERED = "unanswered"
    """All that have no reply yet."""
    UNDELIVERED = "undelivered"
    """Those that nobody acknowledged."""
    NEVER = "never"
    """None; a call whose worker was lost ends as UNKNOWN."""


REDELIVERY: Final[Mapping[int, Redelivery]] = {
    call_pb2.REDELIVERY_UNSPECIFIED: Redelivery.UNANSWERED,
    call_pb2.REDELIVERY_UNANSWERED: Redelivery.UNANSWERED,
    call_pb2.REDELIVERY_UNDELIVERED: Redelivery.UNDELIVERED,
    call_pb2.REDELIVERY_NEVER: Redelivery.NEVER,
}
"""By the contract's numbers; who says nothing gets what ThingsBoard does."""


class Ending(StrEnum):
    """What ends a call, or releases its caller, from outside its device."""

    EXPIRED = "expired"
    HUNG_UP = "hung up"
    DRAINED = "drained"
    DELETED = "deleted"


class Call(msgspec.Struct, eq=False):
    """One request to one device; compared by identity."""

    call_id: bytes
    device_id: bytes
    tenant_id: bytes
    kind: CallKind.ValueType
    method: str
    params: bytes
    deadline_ms: int
    """On the monotonic clock."""
    owner: object
    """Who waits; the machine never looks at it."""
    fail_fast: bool = False
    await_delivery: bool = False
    redelivery: Redelivery = Redelivery.UNANSWERED

    request_id: int = 0
    """What the device sees; 0 until the machine accepted the call."""
    state: State = State.QUEUED
    wants: Wants = Wants.REPLY
    open: int = 0
    """Sessions that have it and have not yet told its fate."""
    completed: bool = False
    """Its one `Complete` was issued; a hung-up call lives on like that."""
    ending: Ending | None = None
    """Waits for the answers to its `Withdraw`s to end like this."""
    withdrawing: int = 0
    """How many of these answers are outstanding."""


class Effect(msgspec.Struct, gc=False):
    """What the shell has to do, in the order given. `gc=False` is safe: nothing refers to an effect."""


class Deliver(Effect, gc=False):
    """Send the call to the session. `prompt`: somebody waits for the worker's acknowledgement."""

    session: SessionKey
    call: Call
    prompt: bool


class Withdraw(Effect, gc=False):
    """Take the delivery back from the outbox or tell the worker; answer with `withdrawn` at once."""

    session: SessionKey
    request_id: int


class Complete(Effect, gc=False):
    """Answer the call's caller. Issued exactly once for every call submitted."""

    call: Call
    outcome: Outcome.ValueType
    payload: bytes = b""
    reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_UNSPECIFIED
    cause: Cause.ValueType = Cause.CAUSE_UNSPECIFIED
    detail: str = ""


class CloseSession(Effect, gc=False):
    """Close the session; report `session_closed` when its worker did, or at once if its link is broken."""

    session: SessionKey
    reason: ErrorReason.ValueType


class WakeAt(Effect, gc=False):
    """Call `passed` at this time at the latest; replaces the time said before."""

    at_ms: int


class Stray(StrEnum):
    """What a reply is that completes no living call."""

    LATE = "late"
    """Its call ended without it, or its caller hung up."""
    DUPLICATE = "duplicate"
    """Its call had its reply already, or wanted none."""
    UNKNOWN = "unknown"
    """Nobody remembers such a call: it is from before the core's start, too old, or invented."""


class StrayReply(Effect, gc=False):
    """A reply completed no living call: count it."""

    request_id: int
    stray: Stray


NOTHING: Final[Sequence[Effect]] = ()
"""What an input returns that has no effect."""
