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
from trunkline.core.calls.endings import expired, failed, hung_up, refused_by_transport
from trunkline.core.calls.late import LateTable
from trunkline.core.calls.model import (
    NOTHING,
    Call,
    Complete,
    Effect,
    Ending,
    Fact,
    Noted,
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
from trunkline.core.calls.stored import StoredCalls
from trunkline.v1.call_pb2 import CallKind, Outcome, Step
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, SessionKind

RETRY_MS: Final = 100
"""A session that could not send a call gets its next one after this long."""

# What the hot path needs of enums, bound once: a member's look-up costs more than the rule it names.
_QUEUED: Final = State.QUEUED
_NOT_SENT: Final = Fact.NOT_SENT
_NOT_ACKNOWLEDGED: Final = Fact.NOT_ACKNOWLEDGED
_WRITTEN: Final = Told(Fact.WRITTEN, False)
_REPORTED_DELIVERED: Final = DeliveryState.DELIVERY_STATE_DELIVERED
_REPLY: Final = Wants.REPLY
_TWO_WAY: Final = CallKind.CALL_KIND_TWO_WAY
_SUCCEEDED: Final = Outcome.OUTCOME_SUCCEEDED


class DeviceCalls:
    """The calls and sessions of one device.

    `max_sessions` counts asynchronous sessions, suspended ones too; `max_pending` bounds the living lightweight calls,
    `max_stored` the stored ones. Until `grace_until_ms` a device without a session counts as suspended: the core has
    just started, its worker may be back. Of stored calls: the first retry comes after `retry_backoff_ms`, one that
    holds others while nothing happens does so for `response_timeout_ms`, and with `close_on_delivery_timeout` the
    device's sessions are closed when no retry is left.
    """

    __slots__ = (
        "_device_id",
        "_dispatch",
        "_ids",
        "_late",
        "_max_pending",
        "_max_sessions",
        "_max_stored",
        "_stored",
        "_stored_living",
    )

    def __init__(
        self,
        device_id: bytes,
        ids: RequestIds,
        late: LateTable,
        *,
        max_sessions: int = 1,
        max_pending: int = 1000,
        grace_until_ms: int = 0,
        max_stored: int = 10_000,
        retry_backoff_ms: int = 1_000,
        response_timeout_ms: int = 30_000,
        close_on_delivery_timeout: bool = False,
    ) -> None:
        self._device_id = device_id
        self._ids = ids
        self._late = late
        self._max_sessions = max_sessions
        self._max_pending = max_pending
        self._max_stored = max_stored
        self._dispatch = Dispatch(device_id, late, grace_until_ms)
        self._stored = StoredCalls(
            device_id, self._dispatch, late, retry_backoff_ms, response_timeout_ms, close_on_delivery_timeout
        )
        self._stored_living = self._stored.living

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost if the machine were dropped."""
        return not (
            self._dispatch.calls or self._stored_living or self._stored.ended or self._dispatch.sessions.current
        )

    @property
    def pending(self) -> int:
        """Living calls, also those whose caller hung up."""
        return len(self._dispatch.calls) + len(self._stored_living)

    def find(self, request_id: int) -> Call | None:
        """The call that has this id: a living one, or a stored one whose end is not committed yet."""
        return (
            self._dispatch.calls.get(request_id)
            or self._stored_living.get(request_id)
            or self._stored.ended.get(request_id)
        )

    def lacks(self, call: Call) -> Cause.ValueType:
        """Why a living call that is QUEUED has not gone out: DEVICE_OFFLINE, DEVICE_NOT_SUBSCRIBED, DEVICE_BUSY or, of
        stored ones, BEHIND_OTHERS."""
        return self._dispatch.sessions.unavailability if call.keeping is None else self._stored.lacks(call)

    def __contains__(self, request_id: object) -> bool:
        """Whether the id must not be given out: a living call or a slot has it, or a late reply may bear it."""
        return (
            request_id in self._dispatch.calls
            or request_id in self._stored_living
            or request_id in self._stored.ended
            or (self._device_id, request_id) in self._late
            or any(request_id in one.deliveries for one in self._dispatch.sessions)
        )

    # --- callers ---

    def submit(self, call: Call, now: int) -> Sequence[Effect]:
        """Take a call; it gets its `request_id` unless it ends at once. A stored one has to be committed first."""
        if call.keeping is not None:
            return self._submit_stored(call, now)
        deadline = call.deadline_ms
        if deadline <= now:
            return [expired(call, Cause.CAUSE_EXPIRED_ON_ARRIVAL)]
        dispatch = self._dispatch
        calls = dispatch.calls
        if len(calls) >= self._max_pending:
            return [failed(call, ErrorReason.ERROR_REASON_QUEUE_FULL, Cause.CAUSE_QUEUE_FULL)]
        if call.fail_fast and not dispatch.reachable(now):
            return [failed(call, ErrorReason.ERROR_REASON_DEVICE_OFFLINE, Cause.CAUSE_DEVICE_OFFLINE)]
        if call.kind != _TWO_WAY:
            call.wants = Wants.DELIVERY if call.await_delivery else Wants.SENDING
        call.request_id = request_id = self._ids.next(self._device_id, self)
        calls[request_id] = call
        effects: list[Effect] = []
        for session in dispatch.sessions.current.values():
            if session.subscribed and not session.suspended:
                dispatch.hand(session, call, now, effects)
        if deadline < dispatch.armed:
            dispatch.arm(deadline, effects)
        if call.fail_fast and now < dispatch.grace_until < dispatch.armed:
            dispatch.arm(dispatch.grace_until, effects)
        return effects

    def _submit_stored(self, call: Call, now: int) -> Sequence[Effect]:
        if len(self._stored_living) + len(self._stored.ended) >= self._max_stored:
            return [failed(call, ErrorReason.ERROR_REASON_QUEUE_FULL, Cause.CAUSE_QUEUE_FULL)]
        call.request_id = self._ids.next(self._device_id, self)
        effects: list[Effect] = []
        self._stored.submit(call, now, effects)
        return effects

    def hang_up(self, request_id: int, now: int) -> Sequence[Effect]:
        """The caller went away: it is answered CANCELLED. The call goes on, unless it was never sent."""
        effects: list[Effect] = []
        call = self._dispatch.calls.get(request_id)
        if call is None:
            stored = self._stored_living.get(request_id) or self._stored.ended.get(request_id)
            if stored is not None:
                self._stored.hang_up(stored, effects)
            return effects
        if call.completed:
            return NOTHING
        call.completed = True
        effects += [hung_up(call), Noted(call, Step.STEP_HUNG_UP)]
        if call.state in (State.QUEUED, State.OFFERED):
            self._dispatch.release(call, Ending.HUNG_UP, now, effects)
        return effects

    def cancel(self, request_id: int, now: int) -> Sequence[Effect]:
        """End a living call as CANCELLED: at once, unless it lies with a link or its worker, whose word then says
        whether it was in time."""
        effects: list[Effect] = []
        call = self._dispatch.calls.get(request_id)
        if call is not None:
            effects.append(Noted(call, Step.STEP_CANCEL_REQUESTED))
            if call.ending is None:
                self._dispatch.release(call, Ending.CANCELLED, now, effects)
            return effects
        call = self._stored_living.get(request_id)
        if call is not None:
            effects.append(Noted(call, Step.STEP_CANCEL_REQUESTED))
            if call.ending is None:
                self._stored.release(call, Ending.CANCELLED, now, effects)
                self._stored.go_on(now, effects)
        return effects

    def drained(self, now: int) -> Sequence[Effect]:
        """The core is about to end: every lightweight caller gets its answer; stored calls are in the store."""
        effects: list[Effect] = []
        for call in list(self._dispatch.calls.values()):
            self._dispatch.release(call, Ending.DRAINED, now, effects)
        return effects

    def deleted(self, now: int) -> Sequence[Effect]:
        """The device was deleted: its calls end, its sessions are closed."""
        effects: list[Effect] = []
        for call in list(self._dispatch.calls.values()):
            self._dispatch.release(call, Ending.DELETED, now, effects)
        for call in list(self._stored_living.values()):
            self._stored.release(call, Ending.DELETED, now, effects)
        self._stored.go_on(now, effects)
        for session in self._dispatch.sessions.current.values():
            self._dispatch.replace(session, ErrorReason.ERROR_REASON_DEVICE_DELETED, effects)
        return effects

    # --- the store ---

    def taken_up(self, call: Call, now: int) -> Sequence[Effect]:
        """A stored call that an earlier core left: its `request_id`, `state`, version and timeouts are the row's, its
        body is not loaded. TIMEOUT is UNACKNOWLEDGED."""
        effects: list[Effect] = []
        self._stored.take_up(call, now, effects)
        return effects

    def stored(self, request_id: int, version: int, now: int) -> Sequence[Effect]:
        """The call's row is committed, and shows at least this version."""
        effects: list[Effect] = []
        self._stored.committed(request_id, version, now, effects)
        return effects

    def not_stored(self, request_id: int, unknown: bool, now: int) -> Sequence[Effect]:
        """The first write of the call's row did not happen; `unknown`: nobody can tell yet, and nobody waits for it.

        Then `stored` or `not_stored` may still follow, and the call is never delivered.
        """
        effects: list[Effect] = []
        self._stored.not_committed(request_id, unknown, effects)
        return effects

    def dropped(self, request_id: int) -> Sequence[Effect]:
        """The call's row was not written since its id or key is another's: the shell answers its caller."""
        call = self._stored_living.get(request_id) or self._stored.ended.get(request_id)
        if call is not None:
            self._stored.forget(call)
        return NOTHING

    def removed(self, request_id: int, now: int) -> Sequence[Effect]:
        """The stored call's row is being removed: whatever is out is withdrawn, and nothing is said of its end."""
        effects: list[Effect] = []
        call = self._stored_living.get(request_id) or self._stored.ended.get(request_id)
        if call is not None:
            self._stored.remove(call, now, effects)
        return effects

    def fetched(self, request_ids: Collection[int], now: int) -> Sequence[Effect]:
        """The bodies asked for by a `Fetch` were read; those that are there are marked as loaded."""
        effects: list[Effect] = []
        self._stored.fetched(request_ids, now, effects)
        return effects

    # --- sessions ---

    def session_opened(
        self, session: SessionKey, epoch: int, kind: SessionKind.ValueType, max_inflight: int, now: int
    ) -> Sequence[Effect]:
        """A session began; it gets calls once it subscribes. Beyond the limit the oldest ones are closed."""
        self._dispatch.sessions.current[session] = Session(session, epoch, kind, max_inflight)
        effects: list[Effect] = []
        self._keep_limit(effects)
        if self._stored_living:
            self._stored.go_on(now, effects)
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
        if self._stored_living:
            self._stored.subscribed(one, now)
            self._stored.go_on(now, effects)
        return effects

    def session_unsubscribed(self, session: SessionKey, now: int) -> Sequence[Effect]:
        """The device takes no more calls; what it has stays with it."""
        one = self._dispatch.sessions.current.get(session)
        if one is None:
            return NOTHING
        one.unsubscribe()
        effects: list[Effect] = []
        self._dispatch.fail_fast(now, effects)
        if self._stored_living:
            self._stored.go_on(now, effects)
        return effects

    def session_suspended(self, session: SessionKey, now: int) -> Sequence[Effect]:
        """Its link broke: it gets nothing until it resumes, and keeps what it has."""
        one = self._dispatch.sessions.current.get(session)
        if one is None:
            return NOTHING
        one.suspended = True
        effects: list[Effect] = []
        if self._stored_living:
            self._stored.go_on(now, effects)
        return effects

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
                self._dispatch.learn(call, _WRITTEN, one, now, effects)
                continue
            call = self._stored_living.get(request_id)
            if call is not None:
                self._stored.named(call, one, was_open, now, effects)
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
        had = list(one.deliveries)
        for request_id, told in one.close(lost):
            call = self._dispatch.calls.get(request_id)
            if call is not None:
                self._dispatch.learn(call, told, one, now, effects)
                continue
            call = self._stored_living.get(request_id)
            if call is not None:
                self._stored.learn(call, told, one, now, effects)
        for request_id in [number for number in one.deliveries if self._is_over(number)]:
            del one.deliveries[request_id]
        self._dispatch.sessions.drop_if_done(one)
        self._dispatch.fail_fast(now, effects)
        if self._stored_living:
            self._stored.slots_freed(had)
            self._stored.go_on(now, effects)
        return effects

    def _is_over(self, request_id: int) -> bool:
        return request_id not in self._dispatch.calls and request_id not in self._stored_living

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
        if one is None:
            return NOTHING
        told = one.reported(request_id, state)
        if told is None:
            return self._reported_again(one, request_id, state, now)
        fact = told.fact
        if fact is _NOT_SENT and one.taking and not self._is_over(request_id):
            one.paused_until = now + RETRY_MS
        elif fact is _NOT_ACKNOWLEDGED and told.closes and request_id in self._stored_living:
            self._stored.timed_out(self._stored_living[request_id])
        return self._told(one, request_id, told, now)

    def _reported_again(
        self, session: Session, request_id: int, state: DeliveryState.ValueType, now: int
    ) -> Sequence[Effect]:
        """Nothing is known of such a delivery: a repetition, unless the last core made it."""
        stored = self._stored_living.get(request_id)
        if stored is None or state == DeliveryState.DELIVERY_STATE_NOT_SENT:
            return NOTHING
        delivered = state == _REPORTED_DELIVERED
        effects: list[Effect] = []
        fact = Fact.DELIVERED if delivered else Fact.NOT_ACKNOWLEDGED
        self._stored.reported_again(stored, fact, session, now, effects)
        self._stored.go_on(now, effects)
        return effects

    def _told(self, session: Session, request_id: int, told: Told, now: int) -> Sequence[Effect]:
        """A session told of a delivery: what follows for the call, then for the slot."""
        dispatch = self._dispatch
        call = dispatch.calls.get(request_id)
        if call is None and not session.waiting and not self._stored_living:
            return NOTHING
        effects: list[Effect] = []
        if call is not None:
            dispatch.learn(call, told, session, now, effects)
        elif (stored := self._stored_living.get(request_id)) is not None:
            self._stored.learn(stored, told, session, now, effects)
        if session.waiting:
            dispatch.pump(session, now, effects)
        if session.ended:
            dispatch.sessions.drop_if_done(session)
        if self._stored_living:
            self._stored.go_on(now, effects)
        return effects

    def withdrawn(self, session: SessionKey, request_id: int, was_written: bool, now: int) -> Sequence[Effect]:
        """Answers a `Withdraw`: whether the delivery had been written to the link and may still reach the device."""
        effects: list[Effect] = []
        one = self._dispatch.sessions.find(session)
        call = self._dispatch.calls.get(request_id)
        taken_back = not was_written and one is not None and one.not_written(request_id) is not None
        if call is not None:
            self._dispatch.withdrawal_answered(call, taken_back, now, effects)
        elif (stored := self._stored_living.get(request_id)) is not None:
            self._stored.withdrawal_answered(stored, taken_back, now, effects)
        if one is not None:
            self._dispatch.pump(one, now, effects)
            self._dispatch.sessions.drop_if_done(one)
        if self._stored_living:
            self._stored.go_on(now, effects)
        return effects

    def replied(self, request_id: int, payload: bytes, error: str | None, now: int) -> Sequence[Effect]:
        """The device answered; `error`: its transport could not convert the call or what it said, which fails a one-way
        call too. The first reply wins."""
        call = self._dispatch.calls.get(request_id)
        if call is None:
            return self._stored_replied(request_id, payload, error, now)
        if call.state is _QUEUED:
            return [StrayReply(request_id, Stray.UNKNOWN)]  # nobody has told the device of this call
        self._dispatch.end(call)
        if call.completed:
            return [StrayReply(request_id, Stray.LATE)]
        if error is not None:
            return [refused_by_transport(call, error)]
        if call.wants is not _REPLY:
            return [Complete(call, ANSWERED[call.wants])]
        return [Complete(call, _SUCCEEDED, payload)]

    def _stored_replied(self, request_id: int, payload: bytes, error: str | None, now: int) -> Sequence[Effect]:
        """The same of a stored call, or of none that lives."""
        call = self._stored_living.get(request_id)
        if call is None:
            issued = request_id in self._stored.ended or self._ids.issued(self._device_id, request_id)
            return [StrayReply(request_id, self._late.classify(self._device_id, request_id, now, issued))]
        if call.state is State.STORING:
            return [StrayReply(request_id, Stray.UNKNOWN)]  # nobody has told the device of this call
        effects: list[Effect] = []
        self._stored.replied(call, payload, error, now, effects)
        return effects

    # --- time ---

    def passed(self, now: int) -> Sequence[Effect]:
        """Time has come: deadlines, pauses and the grace after the core's start."""
        self._dispatch.armed = NEVER
        effects: list[Effect] = []
        for call in [one for one in self._dispatch.calls.values() if one.deadline_ms <= now]:
            self._dispatch.release(call, Ending.EXPIRED, now, effects)
        self._dispatch.fail_fast(now, effects)
        for session in self._dispatch.sessions.current.values():
            if 0 < session.paused_until <= now:
                session.paused_until = 0
                session.waiting = for_resumed(self._dispatch.calls, session)  # in their old order again
                self._dispatch.pump(session, now, effects)
        if self._stored_living:
            self._stored.passed(now, effects)
        wake_at = self._next_wake_up(now)
        if wake_at < NEVER:
            self._dispatch.arm(wake_at, effects)
        return effects

    def _next_wake_up(self, now: int) -> int:
        wake_at = self._stored.wake_at
        for session in self._dispatch.sessions.current.values():
            if session.paused_until and (session.waiting or session.backlog):
                wake_at = min(wake_at, session.paused_until)
        for call in self._dispatch.calls.values():
            if call.deadline_ms > now:  # else a withdrawal is about to be answered
                wake_at = min(wake_at, call.deadline_ms)
            if call.fail_fast and now < self._dispatch.grace_until:
                wake_at = min(wake_at, self._dispatch.grace_until)
        return wake_at

    # --- sessions' comings and goings ---

    def _keep_limit(self, effects: list[Effect]) -> None:
        if len(self._dispatch.sessions.current) > self._max_sessions:
            for session in self._dispatch.sessions.beyond(self._max_sessions):
                self._dispatch.replace(session, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED, effects)

    def _go_on(self, session: Session, now: int, effects: list[Effect]) -> None:
        session.suspended = False
        if session.subscribed:
            session.waiting = for_resumed(self._dispatch.calls, session)
            self._dispatch.pump(session, now, effects)
            if self._stored_living:
                self._stored.resumed(session, now)
        self._dispatch.fail_fast(now, effects)
        if self._stored_living:
            self._stored.go_on(now, effects)
