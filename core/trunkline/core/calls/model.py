"""A call, the facts and states of its life, and the effects by which the machine tells its shell what to do.

One `Call` object exists per call, from submit to end. Whoever submits it fills the first group of fields; the second
belongs to the machine and is only read elsewhere.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from trunkline.v1 import call_pb2
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome, Step
from trunkline.v1.error_pb2 import Cause, ErrorReason

SessionKey: TypeAlias = Any
"""A session as its shell knows it, hashable and never reused. `Any`: a shell finds its own object in an effect."""


class State(StrEnum):
    """What is known of a living call."""

    STORING = "storing"
    """Stored calls only: its row is not committed yet, so nobody may have it or be told of it."""
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

    STORED = "stored"
    """Its row is committed."""
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
    PUT_BACK = "put back"
    """No retry is left, and the device's sessions are closed for that: the call waits as if it had just come."""


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


class Strategy(StrEnum):
    """When a device gets the stored calls behind this one."""

    BURST = "burst"
    """At once."""
    ON_ACK = "on ack"
    """When the device acknowledged it, or it ended."""
    ON_RESPONSE = "on response"
    """When it ended; the device has a bounded time to answer."""


STRATEGY: Final[Mapping[int, Strategy]] = {
    call_pb2.SUBMIT_STRATEGY_BURST: Strategy.BURST,
    call_pb2.SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE: Strategy.ON_ACK,
    call_pb2.SUBMIT_STRATEGY_SEQUENTIAL_ON_RESPONSE_FROM_DEVICE: Strategy.ON_RESPONSE,
}
"""By the contract's numbers; who says nothing gets what the server's settings say."""


class Ending(StrEnum):
    """What ends a call, or releases its caller, from outside its device."""

    EXPIRED = "expired"
    HUNG_UP = "hung up"
    DRAINED = "drained"
    DELETED = "deleted"
    CANCELLED = "cancelled"


class Keeping(msgspec.Struct, eq=False):
    """What only a stored call has. Whoever submits it fills the first group, the machine the second."""

    ordinal: int
    """Grows with every stored call, over restarts too: their order."""
    create_unix_ms: int
    expire_unix_ms: int
    strategy: Strategy
    max_retries: int
    """How often it is sent again after a missing acknowledgement."""
    body_bytes: int
    """Of method and params, whether they are in memory or not."""
    retries_asked: int | None = None
    additional_info: bytes = b""
    """Emptied with the body: once committed, the store has it."""
    idempotency_key: str = ""
    loaded: bool = True
    """Method and params are in memory; a waiting call's stay in the store."""

    version: int = 0
    """Grows with every change that the row must show."""
    committed: int = 0
    """The version of which the row is known to be at least; 0: there is no row yet."""
    timeouts: int = 0
    """Acknowledgements that did not come in time."""
    end: "Complete | None" = None
    """How it ended; told when that is committed."""
    end_version: int = 0
    """The version that has the end."""

    doomed: bool = False
    """Nobody knows whether its row was written, and its caller was told so: it is never delivered."""
    inherited: bool = False
    """Whoever may have it got it before this start of the core, and may have reported to the last one."""
    overdue: bool = False
    """Its latest acknowledgement timed out; it is sent again from `retry_at_ms` on."""
    retry_at_ms: int = 0
    row_state: CallState.ValueType = CallState.CALL_STATE_QUEUED
    """What the row shows as of `version`."""
    waits_for: str = ""
    """What the timeline last said that it waits for."""

    # The journal's, not the machine's.
    saved_steps: int = 0
    """How many steps of its timeline were handed out to be written."""
    waits: int = 0
    """That it was taken up and what it waits for, as long as that is the last that happened, packed: many calls wait
    at once, and this is smaller than a step."""


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
    keeping: Keeping | None = None
    """Of a stored call."""
    steps: "list[tuple[int, Step.ValueType, object]] | None" = None
    """Its timeline as far as it is not in the store. The journal's, not the machine's: see `journal/timeline.py`."""

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


class Keep(Effect, gc=False):
    """Write the stored call's row as it is when its turn comes; the first one inserts it.

    Answer with `stored` and the `version` that was written, or for the first one with `not_stored`.
    """

    call: Call


class Fetch(Effect, gc=False):
    """Read method and params of these calls from the store, set them with `loaded`, and answer with `fetched`."""

    calls: tuple[Call, ...]


class Finished(Effect, gc=False):
    """A stored call's end is committed: whoever waits for it may hear. `end.call` is the call. Issued exactly once for
    every stored call that was accepted, unless it is removed."""

    end: Complete


class Noted(Effect, gc=False):
    """Something happened to the call that its timeline must tell. Handing it out (`Deliver`) and its end (`Complete`,
    `Finished`) say so themselves. `session`: None if it is about none."""

    call: Call
    step: Step.ValueType
    session: SessionKey = None
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
