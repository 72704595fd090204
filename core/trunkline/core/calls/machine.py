"""One device's calls, as a pure machine: facts and time in, effects out. No clock, no I/O, no logging, no randomness.

Each input is one method and returns the effects that the shell has to perform, at once and in order. `session`
arguments are the shell's own keys; `now` is monotonic milliseconds. The steps behind the inputs are in `dispatch.py`,
the rules in `rules.py`.

A call goes to every subscribed session that has a free slot and waits for those that have none; with several sessions
the first reply wins, and the call has failed only when all have failed. A call that nobody has waits for a
subscription until its deadline. Its id stays the same however often it is delivered.
"""

from collections.abc import Collection, Sequence
from typing import Final

from trunkline.core.calls.deliveries import Told
from trunkline.core.calls.dispatch import NEVER, Dispatch
from trunkline.core.calls.endings import expired, failed, hung_up
from trunkline.core.calls.late import LateTable
from trunkline.core.calls.model import (
    NOTHING,
    Call,
    CloseSession,
    Complete,
    Effect,
    Ending,
    Fact,
    SessionKey,
    State,
    Stray,
    StrayReply,
    Wants,
)
from trunkline.core.calls.redelivery import for_resumed, for_subscriber
from trunkline.core.calls.request_ids import RequestIds
from trunkline.core.calls.rules import ANSWERED
from trunkline.core.calls.sessions import Session
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, SessionKind

RETRY_MS: Final = 100
"""A session that could not send a call gets its next one after this long."""

# What the hot path needs of enums, bound once: a member's look-up costs more than the rule it names.
_QUEUED: Final = State.QUEUED
_WRITTEN: Final = Told(Fact.WRITTEN, False)
_REPLY: Final = Wants.REPLY
_TWO_WAY: Final = CallKind.CALL_KIND_TWO_WAY
_SUCCEEDED: Final = Outcome.OUTCOME_SUCCEEDED


class DeviceCalls:
    """The calls and sessions of one device.

    `max_sessions` counts asynchronous sessions, suspended ones too; `max_pending` bounds the living calls. Until
    `grace_until_ms` a device without a session counts as suspended: the core has just started, its worker may be back.
    """

    __slots__ = ("_device_id", "_dispatch", "_ids", "_late", "_max_pending", "_max_sessions")

    def __init__(
        self,
        device_id: bytes,
        ids: RequestIds,
        late: LateTable,
        *,
        max_sessions: int = 1,
        max_pending: int = 1000,
        grace_until_ms: int = 0,
    ) -> None:
        self._device_id = device_id
        self._ids = ids
        self._late = late
        self._max_sessions = max_sessions
        self._max_pending = max_pending
        self._dispatch = Dispatch(device_id, late, grace_until_ms)

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost if the machine were dropped."""
        return not self._dispatch.calls and not self._dispatch.sessions.current

    @property
    def pending(self) -> int:
        """Living calls, also those whose caller hung up."""
        return len(self._dispatch.calls)

    def __contains__(self, request_id: object) -> bool:
        """Whether the id must not be given out: a living call or a slot has it, or a late reply may bear it."""
        return (
            request_id in self._dispatch.calls
            or (self._device_id, request_id) in self._late
            or any(request_id in one.deliveries for one in self._dispatch.sessions)
        )

    # --- callers ---

    def submit(self, call: Call, now: int) -> Sequence[Effect]:
        """Take a call; it gets its `request_id` unless it ends at once."""
        deadline = call.deadline_ms
        if deadline <= now:
            return [expired(call, Cause.CAUSE_EXPIRED_ON_ARRIVAL)]
        calls = self._dispatch.calls
        if len(calls) >= self._max_pending:
            return [failed(call, ErrorReason.ERROR_REASON_QUEUE_FULL, Cause.CAUSE_QUEUE_FULL)]
        if call.fail_fast and not self._dispatch.reachable(now):
            return [failed(call, ErrorReason.ERROR_REASON_DEVICE_OFFLINE, Cause.CAUSE_DEVICE_OFFLINE)]
        if call.kind != _TWO_WAY:
            call.wants = Wants.DELIVERY if call.await_delivery else Wants.SENDING
        call.request_id = request_id = self._ids.next(self._device_id, self)
        calls[request_id] = call
        effects: list[Effect] = []
        for session in self._dispatch.sessions.current.values():
            if session.subscribed and not session.suspended:
                self._dispatch.hand(session, call, now, effects)
        if deadline < self._dispatch.armed:
            self._dispatch.arm(deadline, effects)
        if call.fail_fast and now < self._dispatch.grace_until < self._dispatch.armed:
            self._dispatch.arm(self._dispatch.grace_until, effects)
        return effects

    def hang_up(self, request_id: int, now: int) -> Sequence[Effect]:
        """The caller went away: it is answered CANCELLED. The call goes on, unless it was never sent."""
        call = self._dispatch.calls.get(request_id)
        if call is None or call.completed:
            return NOTHING
        call.completed = True
        effects: list[Effect] = [hung_up(call)]
        if call.state in (State.QUEUED, State.OFFERED):
            self._dispatch.release(call, Ending.HUNG_UP, now, effects)
        return effects

    def drained(self, now: int) -> Sequence[Effect]:
        """The core is about to end: every caller gets its answer."""
        effects: list[Effect] = []
        for call in list(self._dispatch.calls.values()):
            self._dispatch.release(call, Ending.DRAINED, now, effects)
        return effects

    def deleted(self, now: int) -> Sequence[Effect]:
        """The device was deleted: its calls end, its sessions are closed."""
        effects: list[Effect] = []
        for call in list(self._dispatch.calls.values()):
            self._dispatch.release(call, Ending.DELETED, now, effects)
        for session in self._dispatch.sessions.current.values():
            self._replace(session, ErrorReason.ERROR_REASON_DEVICE_DELETED, effects)
        return effects

    # --- sessions ---

    def session_opened(
        self, session: SessionKey, epoch: int, kind: SessionKind.ValueType, max_inflight: int, now: int
    ) -> Sequence[Effect]:
        """A session began; it gets calls once it subscribes. Beyond the limit the oldest ones are closed."""
        self._dispatch.sessions.current[session] = Session(session, epoch, kind, max_inflight)
        effects: list[Effect] = []
        self._keep_limit(effects)
        return effects

    def session_subscribed(
        self, session: SessionKey, acknowledgement: Acknowledgement.ValueType, now: int
    ) -> Sequence[Effect]:
        """The device subscribed to calls: it gets what waits, and again what its redelivery says."""
        one = self._dispatch.sessions.current.get(session)
        if one is None or one.replaced:
            return NOTHING
        one.subscribe(acknowledgement)
        one.waiting = for_subscriber(self._dispatch.calls, one)
        effects: list[Effect] = []
        self._dispatch.pump(one, now, effects)
        return effects

    def session_unsubscribed(self, session: SessionKey, now: int) -> Sequence[Effect]:
        """The device takes no more calls; what it has stays with it."""
        one = self._dispatch.sessions.current.get(session)
        if one is None:
            return NOTHING
        one.unsubscribe()
        effects: list[Effect] = []
        self._dispatch.fail_fast(now, effects)
        return effects

    def session_suspended(self, session: SessionKey, now: int) -> Sequence[Effect]:
        """Its link broke: it gets nothing until it resumes, and keeps what it has."""
        one = self._dispatch.sessions.current.get(session)
        if one is not None:
            one.suspended = True
        return NOTHING

    def session_unsuspended(self, session: SessionKey, now: int) -> Sequence[Effect]:
        """Its link is back and it is as it was: the worker does not know yet that it was opened."""
        one = self._dispatch.sessions.current.get(session)
        if one is None:
            return NOTHING
        effects: list[Effect] = []
        self._go_on(one, now, effects)
        return effects

    def session_resumed(
        self,
        session: SessionKey,
        epoch: int,
        kind: SessionKind.ValueType,
        subscribed: bool,
        acknowledgement: Acknowledgement.ValueType,
        max_inflight: int,
        open: Collection[int],
        now: int,
    ) -> Sequence[Effect]:
        """A worker names a session after a break; the machine may never have heard of it.

        `open` are the deliveries without a final report: they hold slots. The resumption is no subscription of the
        device: nothing that was acknowledged goes out again, but what waits does.
        """
        one = self._dispatch.sessions.find(session) or Session(session, epoch, kind, max_inflight)
        self._dispatch.sessions.ended.pop(session, None)
        self._dispatch.sessions.current[session] = one
        one.describe(epoch, kind, max_inflight)
        if subscribed:
            one.subscribe(acknowledgement)
        else:
            one.unsubscribe()
        effects: list[Effect] = []
        for request_id, was_open in one.resume(open):
            call = self._dispatch.calls.get(request_id)
            if call is not None:
                call.open += not was_open
                self._dispatch.learn(call, _WRITTEN, now, effects)
        self._keep_limit(effects)
        self._go_on(one, now, effects)
        return effects

    def session_closed(self, session: SessionKey, now: int) -> Sequence[Effect]:
        """A session is over.

        While its link lives, an unacknowledged delivery still waits for `written`, `not_written` or a report. If the
        session was suspended, or when the shell says so a second time because the link broke meanwhile, the worker
        is taken for lost with it.
        """
        found = self._dispatch.sessions.end(session)
        if found is None:
            return NOTHING
        one, lost = found
        effects: list[Effect] = []
        for request_id, told in one.close(lost):
            call = self._dispatch.calls.get(request_id)
            if call is not None:
                self._dispatch.learn(call, told, now, effects)
        for request_id in [number for number in one.deliveries if number not in self._dispatch.calls]:
            del one.deliveries[request_id]
        self._dispatch.sessions.drop_if_done(one)
        self._dispatch.fail_fast(now, effects)
        return effects

    def awaits(self, session: SessionKey) -> bool:
        """Whether the session is open, or it is over and may still tell of a living call."""
        return self._dispatch.sessions.find(session) is not None

    # --- deliveries ---

    def written(self, session: SessionKey, request_id: int, now: int) -> Sequence[Effect]:
        """The worker's ack covers the delivery: it is written to the device."""
        one = self._dispatch.sessions.find(session)
        told = one.written(request_id) if one is not None else None
        if one is None or told is None:
            return NOTHING
        return self._told(one, request_id, told, now)

    def not_written(self, session: SessionKey, request_id: int, now: int) -> Sequence[Effect]:
        """The worker never got the delivery, or it was taken back: nobody was told of it."""
        one = self._dispatch.sessions.find(session)
        told = one.not_written(request_id) if one is not None else None
        if one is None or told is None:
            return NOTHING
        return self._told(one, request_id, told, now)

    def reported(
        self, session: SessionKey, request_id: int, state: DeliveryState.ValueType, now: int
    ) -> Sequence[Effect]:
        """The worker reports what became of a delivery; repeats and reports of unknown deliveries change nothing."""
        one = self._dispatch.sessions.find(session)
        told = one.reported(request_id, state) if one is not None else None
        if one is None or told is None:
            return NOTHING
        if told.fact is Fact.NOT_SENT and one.taking and request_id in self._dispatch.calls:
            one.paused_until = now + RETRY_MS
        return self._told(one, request_id, told, now)

    def _told(self, session: Session, request_id: int, told: Told, now: int) -> Sequence[Effect]:
        """A session told of a delivery: what follows for the call, then for the slot."""
        call = self._dispatch.calls.get(request_id)
        if call is None and not session.waiting:
            return NOTHING
        effects: list[Effect] = []
        if call is not None:
            self._dispatch.learn(call, told, now, effects)
        self._dispatch.pump(session, now, effects)
        self._dispatch.sessions.drop_if_done(session)
        return effects

    def withdrawn(self, session: SessionKey, request_id: int, was_written: bool, now: int) -> Sequence[Effect]:
        """Answers a `Withdraw`: whether the delivery had been written to the link and may still reach the device."""
        effects: list[Effect] = []
        one = self._dispatch.sessions.find(session)
        call = self._dispatch.calls.get(request_id)
        taken_back = not was_written and one is not None and one.not_written(request_id) is not None
        if call is not None:
            self._dispatch.withdrawal_answered(call, taken_back, now, effects)
        if one is not None:
            self._dispatch.pump(one, now, effects)
            self._dispatch.sessions.drop_if_done(one)
        return effects

    def replied(self, request_id: int, payload: bytes, error: str | None, now: int) -> Sequence[Effect]:
        """The device answered; `error`: its transport could not convert the call or what it said, which fails a one-way
        call too. The first reply wins."""
        call = self._dispatch.calls.get(request_id)
        if call is None:
            issued = self._ids.issued(self._device_id, request_id)
            return [StrayReply(request_id, self._late.classify(self._device_id, request_id, now, issued))]
        if call.state is _QUEUED:
            return [StrayReply(request_id, Stray.UNKNOWN)]  # nobody has told the device of this call
        self._dispatch.end(call)
        if call.completed:
            return [StrayReply(request_id, Stray.LATE)]
        if error is not None:
            reason, cause = ErrorReason.ERROR_REASON_DEVICE_TRANSPORT_ERROR, Cause.CAUSE_DEVICE_TRANSPORT_ERROR
            return [failed(call, reason, cause, error)]
        if call.wants is not _REPLY:
            return [Complete(call, ANSWERED[call.wants])]
        return [Complete(call, _SUCCEEDED, payload)]

    # --- time ---

    def passed(self, now: int) -> Sequence[Effect]:
        """Time has come: deadlines, pauses and the grace after the core's start."""
        self._dispatch.armed = NEVER
        effects: list[Effect] = []
        for call in [one for one in self._dispatch.calls.values() if one.deadline_ms <= now]:
            self._dispatch.release(call, Ending.EXPIRED, now, effects)
        self._dispatch.fail_fast(now, effects)
        wake_at = NEVER
        for session in self._dispatch.sessions.current.values():
            if 0 < session.paused_until <= now:
                session.paused_until = 0
                session.waiting = for_resumed(self._dispatch.calls, session)  # in their old order again
                self._dispatch.pump(session, now, effects)
            elif session.waiting and session.paused_until:
                wake_at = min(wake_at, session.paused_until)
        for call in self._dispatch.calls.values():
            if call.ending is None:
                wake_at = min(wake_at, call.deadline_ms)
            if call.fail_fast and now < self._dispatch.grace_until:
                wake_at = min(wake_at, self._dispatch.grace_until)
        if wake_at < NEVER:
            self._dispatch.arm(wake_at, effects)
        return effects

    # --- sessions' comings and goings ---

    def _keep_limit(self, effects: list[Effect]) -> None:
        if len(self._dispatch.sessions.current) > self._max_sessions:
            for session in self._dispatch.sessions.beyond(self._max_sessions):
                self._replace(session, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED, effects)

    def _replace(self, session: Session, reason: ErrorReason.ValueType, effects: list[Effect]) -> None:
        session.replaced = True
        session.unsubscribe()
        effects.append(CloseSession(session.key, reason))

    def _go_on(self, session: Session, now: int, effects: list[Effect]) -> None:
        session.suspended = False
        if session.subscribed:
            session.waiting = for_resumed(self._dispatch.calls, session)
            self._dispatch.pump(session, now, effects)
        self._dispatch.fail_fast(now, effects)
