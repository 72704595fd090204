"""A call's way through its device's sessions: handed out, learned of, put back, ended.

`machine.py` turns each input into these steps. They change a call's state by the table in `rules.py` and nowhere else.
Every step appends the effects it has; `now` is monotonic milliseconds.
"""

from collections.abc import Mapping
from typing import Final

from trunkline.core.calls.deliveries import Delivery, Told
from trunkline.core.calls.endings import cancelled, expired, failed, unknown
from trunkline.core.calls.late import LateTable
from trunkline.core.calls.model import (
    Call,
    CloseSession,
    Complete,
    Deliver,
    Effect,
    Ending,
    Fact,
    Noted,
    Redelivery,
    State,
    WakeAt,
    Wants,
    Withdraw,
)
from trunkline.core.calls.rules import GIVEN_UP, MISSING, RULES, SATISFIED
from trunkline.core.calls.sessions import Session, Sessions
from trunkline.v1.call_pb2 import Step
from trunkline.v1.error_pb2 import Cause, ErrorReason

NEVER: Final = 1 << 62
"""No wake-up is armed."""

STEPS: Final[Mapping[Fact, Step.ValueType]] = {
    Fact.WRITTEN: Step.STEP_SENT,
    Fact.DELIVERED: Step.STEP_DELIVERED,
    Fact.NOT_SENT: Step.STEP_NOT_SENT,
    Fact.NOT_ACKNOWLEDGED: Step.STEP_NOT_ACKNOWLEDGED,
    Fact.LOST: Step.STEP_WORKER_LOST,
}
"""What the timeline says of a fact."""

# What the hot path needs of enums, bound once: a member's look-up costs more than the rule it names.
_QUEUED: Final = State.QUEUED
_OFFERED: Final = State.OFFERED
_OFFER: Final = Fact.OFFER
_OVER: Final = Fact.OVER
_IMPLIED: Final = Delivery.IMPLIED
_SENDING: Final = Wants.SENDING


class Dispatch:
    """The living calls of one device, its sessions, and when it wants to be woken."""

    __slots__ = ("_device_id", "_late", "armed", "calls", "grace_until", "sessions")

    def __init__(self, device_id: bytes, late: LateTable, grace_until_ms: int) -> None:
        self._device_id = device_id
        self._late = late
        self.grace_until = grace_until_ms
        self.calls: dict[int, Call] = {}  # by request id, in the order they were submitted
        self.sessions = Sessions()
        self.armed = NEVER

    def hand(self, session: Session, call: Call, now: int, effects: list[Effect]) -> None:
        """Give the call to a taking session, or let it wait for its turn there."""
        if session.waiting or session.paused_until > now or len(session.deliveries) >= session.slots:
            session.waiting[call.request_id] = call
            self.pump(session, now, effects)
        else:
            self.offer(session, call, effects)

    def offer(self, session: Session, call: Call, effects: list[Effect], awaited: bool = False) -> None:
        """Give the call to a session that takes it now; `awaited`: something waits for the worker's ack."""
        deliveries = session.deliveries
        deliveries[call.request_id] = offered = session.offers_as
        call.open += 1
        call.state = RULES[call.state][_OFFER]
        prompt = awaited or call.wants is _SENDING or (offered is _IMPLIED and len(deliveries) >= session.slots)
        effects.append(Deliver(session.key, call, prompt))
        if session.poll:
            session.unsubscribe()

    def pump(self, session: Session, now: int, effects: list[Effect]) -> None:
        """Fill the session's free slots with what waits for it; a pause needs a wake-up."""
        waiting = session.waiting
        while waiting and session.taking and len(session.deliveries) < session.slots:
            if session.paused_until > now:
                if session.paused_until < self.armed:
                    self.arm(session.paused_until, effects)
                break
            self.offer(session, waiting.pop(next(iter(waiting))), effects)

    def learn(self, call: Call, told: Told, session: Session, now: int, effects: list[Effect]) -> None:
        """Apply a fact; end the call if its caller has what it wants, or if nothing more will come of it."""
        before = call.state
        fact, closes = told
        state = RULES[before][fact]
        if closes:
            call.open -= 1
        if call.open == 0:
            state = RULES[state][_OVER]
        call.state = state
        if call.ending is not None and not call.withdrawing and state is not _OFFERED:
            self._conclude(call, call.ending, now, effects)
            return
        outcome = SATISFIED[call.wants].get(state)
        if outcome is not None:
            self.end(call)
            if not call.completed:
                effects.append(Complete(call, outcome))
            return
        if state is not before:
            effects.append(Noted(call, STEPS[fact], session.key))
        if call.open:
            return
        if state is _QUEUED:
            self._back(call, now, effects)
        elif call.redelivery is Redelivery.NEVER:
            cause = GIVEN_UP[call.wants].get(state)
            if cause is not None:
                self.end_unanswered(call, now)
                if not call.completed:
                    effects.append(unknown(call, cause))

    def _back(self, call: Call, now: int, effects: list[Effect]) -> None:
        """Nobody has the call after all: it waits as if it had just come, unless nobody waits for it."""
        if call.completed:
            self.end(call)
            return
        for session in self.sessions.current.values():
            if session.taking:
                self.hand(session, call, now, effects)
        if call.fail_fast:
            self.fail_fast(now, effects)

    def reachable(self, now: int) -> bool:
        """Whether a call that will not wait for an offline device may wait."""
        sessions = self.sessions
        return sessions.reachable if sessions.current else now < self.grace_until

    def fail_fast(self, now: int, effects: list[Effect]) -> None:
        """The device may just have become unreachable: end the calls that do not wait for that."""
        if self.reachable(now):
            return
        for call in [one for one in self.calls.values() if one.fail_fast and one.state is _QUEUED]:
            self.end(call)
            effects.append(failed(call, ErrorReason.ERROR_REASON_DEVICE_OFFLINE, Cause.CAUSE_DEVICE_OFFLINE))

    def release(self, call: Call, ending: Ending, now: int, effects: list[Effect]) -> None:
        """End a call from outside: at once, or when the withdrawals have told whether it was sent."""
        if call.ending is not None:
            if (
                call.withdrawing == 0 and ending is not Ending.HUNG_UP
            ):  # its worker did not say in time what became of it
                self._conclude(call, call.ending, now, effects)
            return
        for session in self.sessions.current.values():
            session.waiting.pop(call.request_id, None)
        unacked = self.sessions.with_unacked(call.request_id)
        effects += [Withdraw(session.key, call.request_id) for session in unacked]
        if call.state is State.OFFERED and ending is not Ending.DELETED:  # there it makes no difference
            call.ending = ending
            call.withdrawing = len(unacked)
        else:
            self._conclude(call, ending, now, effects)

    def withdrawal_answered(self, call: Call, taken_back: bool, now: int, effects: list[Effect]) -> None:
        """One of the sessions asked has said whether it still had the call; the last answer decides."""
        call.open -= taken_back
        if call.ending is None:
            return
        call.withdrawing -= 1
        if call.withdrawing == 0:
            if call.open == 0:
                call.state = RULES[call.state][_OVER]
            if call.open == 0 or call.ending is not Ending.CANCELLED:  # a canceller waits for its worker's word
                self._conclude(call, call.ending, now, effects)

    def _conclude(self, call: Call, ending: Ending, now: int, effects: list[Effect]) -> None:
        """Nothing more can be learned: the call ends, or goes on without its caller."""
        call.ending = None
        never_sent = call.state is _QUEUED
        if ending is Ending.HUNG_UP and not never_sent:
            return
        self.end_unanswered(call, now)
        if call.completed:
            return
        if ending is Ending.DELETED:
            effects.append(failed(call, ErrorReason.ERROR_REASON_DEVICE_DELETED, Cause.CAUSE_DEVICE_DELETED))
        elif ending is Ending.EXPIRED:
            cause = self.sessions.unavailability if never_sent else MISSING[call.state][call.wants]
            effects.append(expired(call, cause))
        elif ending is Ending.CANCELLED:
            effects.append(cancelled(call, never_sent))
        elif never_sent:
            effects.append(failed(call, ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, Cause.CAUSE_CORE_DRAINING))
        else:
            effects.append(unknown(call, Cause.CAUSE_CORE_DRAINING))

    def end_unanswered(self, call: Call, now: int) -> None:
        """Forget a call, and remember that its reply may still come."""
        if call.wants is Wants.REPLY and call.state is not _QUEUED:
            self._late.remember(self._device_id, call.request_id, now)
        self.end(call)

    def end(self, call: Call) -> None:
        """Forget a call. Its deliveries keep their slots until their sessions have told their fate."""
        del self.calls[call.request_id]
        self.sessions.forget_call(call.request_id)

    def replace(self, session: Session, reason: ErrorReason.ValueType, effects: list[Effect]) -> None:
        """Have the session closed: it gets nothing more."""
        session.replaced = True
        session.unsubscribe()
        effects.append(CloseSession(session.key, reason))

    def arm(self, at_ms: int, effects: list[Effect]) -> None:
        """Ask to be woken then."""
        self.armed = at_ms
        effects.append(WakeAt(at_ms))
