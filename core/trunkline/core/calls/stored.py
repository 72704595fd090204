"""A stored call's way: let in, committed, handed out in its turn, sent again, ended, known until its end is committed.

`machine.py` turns each input into these steps. Every step appends the effects it has; `now` is monotonic milliseconds.
"""

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final

from trunkline.core.calls.bodies import Bodies
from trunkline.core.calls.deliveries import Delivery, Told
from trunkline.core.calls.dispatch import NEVER, STEPS, Dispatch
from trunkline.core.calls.endings import (
    cancelled,
    expired,
    failed,
    hung_up,
    not_acknowledged,
    not_answered_in_turn,
    refused_by_transport,
    unknown,
)
from trunkline.core.calls.late import LateTable
from trunkline.core.calls.line import Line
from trunkline.core.calls.model import (
    Call,
    Complete,
    Effect,
    Ending,
    Fact,
    Fetch,
    Finished,
    Keep,
    Keeping,
    Noted,
    Redelivery,
    State,
    Strategy,
    Wants,
    Withdraw,
)
from trunkline.core.calls.redelivery import stored_for_resumed, stored_for_subscriber
from trunkline.core.calls.retries import backoff_ms
from trunkline.core.calls.row_states import living_state
from trunkline.core.calls.rules import MISSING, RULES
from trunkline.core.calls.sessions import Session
from trunkline.core.calls.strategy import Holders
from trunkline.core.calls.turn_clock import TurnClock
from trunkline.v1.call_pb2 import CallKind, Outcome, Step
from trunkline.v1.error_pb2 import Cause, ErrorReason

WAITS_FOR: Final = {
    Cause.CAUSE_DEVICE_OFFLINE: "device offline",
    Cause.CAUSE_DEVICE_NOT_SUBSCRIBED: "not subscribed",
    Cause.CAUSE_DEVICE_BUSY: "no free slot",
    Cause.CAUSE_BEHIND_OTHERS: "behind earlier calls",
}
"""What the timeline says of a call that lacks this."""

_TWO_WAY: Final = CallKind.CALL_KIND_TWO_WAY
_BUSY: Final = Cause.CAUSE_DEVICE_BUSY
_TAKEN_UP: Final = Step.STEP_TAKEN_UP
_WAITING: Final = Step.STEP_WAITING

_ANSWERED: Final = (Outcome.OUTCOME_SUCCEEDED, Outcome.OUTCOME_DELIVERED)


def keeping_of(call: Call) -> Keeping:
    """What a stored call has."""
    assert call.keeping is not None
    return call.keeping


class StoredCalls:
    """The stored calls of one device: `living` ones, and `ended` ones whose end is not committed, by request id."""

    __slots__ = (
        "_alarms",
        "_backoff_ms",
        "_bodies",
        "_clock",
        "_close_sessions",
        "_device_id",
        "_dispatch",
        "_holders",
        "_late",
        "_line",
        "ended",
        "living",
    )

    def __init__(
        self,
        device_id: bytes,
        dispatch: Dispatch,
        late: LateTable,
        retry_backoff_ms: int,
        response_timeout_ms: int,
        close_sessions: bool,
    ) -> None:
        self._device_id = device_id
        self._dispatch = dispatch
        self._late = late
        self._backoff_ms = retry_backoff_ms
        self._close_sessions = close_sessions
        self.living: dict[int, Call] = {}
        self.ended: dict[int, Call] = {}
        self._line = Line()  # the living ones that are committed
        self._holders = Holders()
        self._bodies = Bodies()
        self._clock = TurnClock(response_timeout_ms)
        self._alarms: list[
            tuple[int, int]
        ] = []  # (when, request id) of deadlines and retries; outdated ones are ignored

    # --- callers and the store ---

    def submit(self, call: Call, now: int, effects: list[Effect]) -> None:
        """Take a call that has its request id; nobody hears of it before it is committed."""
        keeping = keeping_of(call)
        call.wants = Wants.REPLY if call.kind == _TWO_WAY else Wants.DELIVERY
        call.state = State.STORING
        if call.deadline_ms <= now:
            self._end(call, expired(call, Cause.CAUSE_EXPIRED_ON_ARRIVAL), now, effects)
            return
        keeping.version = 1
        self.living[call.request_id] = call
        self._alarm(call.deadline_ms, call.request_id, effects)
        effects.append(Keep(call))

    def take_up(self, call: Call, now: int, effects: list[Effect]) -> None:
        """Go on with a call of which an earlier core left the row."""
        keeping = keeping_of(call)
        call.wants = Wants.REPLY if call.kind == _TWO_WAY else Wants.DELIVERY
        call.completed = keeping.inherited = True
        self.living[call.request_id] = call
        self._alarm(call.deadline_ms, call.request_id, effects)
        effects.append(Noted(call, _TAKEN_UP))
        if call.state is State.UNACKNOWLEDGED:
            self._retry_later(call, now, effects)
        keeping.row_state = living_state(call)
        self._enter(call, now, effects)

    def committed(self, request_id: int, version: int, now: int, effects: list[Effect]) -> None:
        """The row shows this version."""
        call = self.living.get(request_id) or self.ended.get(request_id)
        if call is None:
            return
        keeping = keeping_of(call)
        first = not keeping.committed
        keeping.committed = max(keeping.committed, version)
        if first:
            call.state = RULES[call.state][Fact.STORED]
            if not call.completed:
                call.completed = True
                effects.append(Complete(call, Outcome.OUTCOME_ACCEPTED))
            if keeping.doomed and keeping.end is None:
                reason, cause = ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, Cause.CAUSE_COMMIT_UNKNOWN
                self._end(call, failed(call, reason, cause), now, effects)
            elif keeping.end is None:
                self._enter(call, now, effects)
        if keeping.end is not None and keeping.committed >= keeping.end_version:
            del self.ended[request_id]
            effects.append(Finished(keeping.end))

    def not_committed(self, request_id: int, is_unknown: bool, effects: list[Effect]) -> None:
        """The first write did not happen, or nobody can tell whether it did."""
        call = self.living.get(request_id) or self.ended.get(request_id)
        if call is None or keeping_of(call).committed:
            return
        if not call.completed:
            call.completed = True
            if is_unknown:
                effects.append(unknown(call, Cause.CAUSE_COMMIT_UNKNOWN))
            else:
                effects.append(failed(call, ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, Cause.CAUSE_UNSPECIFIED))
        if is_unknown:
            keeping_of(call).doomed = True
        else:
            self.forget(call)

    def hang_up(self, call: Call, effects: list[Effect]) -> None:
        """Its submitter went away before it was stored: it lives on."""
        if not call.completed:
            call.completed = True
            effects += [hung_up(call), Noted(call, Step.STEP_HUNG_UP)]

    def fetched(self, request_ids: Iterable[int], now: int, effects: list[Effect]) -> None:
        """The bodies asked for were read, as far as they are there."""
        self._bodies.fetching = False
        for request_id in request_ids:
            call = self.living.get(request_id)
            if call is not None and keeping_of(call).loaded:
                self._bodies.came(call)
        self.go_on(now, effects)

    # --- turns ---

    def _enter(self, call: Call, now: int, effects: list[Effect]) -> None:
        """The call has its place among the others from now on."""
        self._line.add(call)
        self._holders.note(call)
        if self._waits(call, now):
            self._hand_out(call, now, effects)

    def _hand_out(self, call: Call, now: int, effects: list[Effect]) -> None:
        """Nobody has the call: let it wait for its turn at each session that takes calls."""
        if self._dispatch.sessions.current:
            for session in self._dispatch.sessions.taking:
                if session.lacks(call.request_id):
                    session.backlog.add(call)
            self.go_on(now, effects)
        if call.open == 0 and call.request_id in self.living:
            self._note_waiting(call, effects)
            self._rest(call)

    def _note_waiting(self, call: Call, effects: list[Effect]) -> None:
        """Tell what it waits for, unless that is only its body."""
        lacks = self.lacks(call)
        if lacks == _BUSY and any(one.has_free_slot for one in self._dispatch.sessions.taking):
            return
        keeping = keeping_of(call)
        if WAITS_FOR[lacks] != keeping.waits_for:
            keeping.waits_for = WAITS_FOR[lacks]
            effects.append(Noted(call, _WAITING, None, keeping.waits_for))

    def _waits(self, call: Call, now: int) -> bool:
        """Whether the call goes to any session that takes calls."""
        if call.open or call.ending is not None:
            return False
        keeping = keeping_of(call)
        return call.state is State.QUEUED or (keeping.overdue and keeping.retry_at_ms <= now)

    def lacks(self, call: Call) -> Cause.ValueType:
        """Why nobody has the call."""
        if self._holders.hold(call):
            return Cause.CAUSE_BEHIND_OTHERS
        return self._dispatch.sessions.unavailability

    def subscribed(self, session: Session, now: int) -> None:
        """A session begins to take calls: what waits for its turn there."""
        session.backlog = Line(
            call for call in self._line if stored_for_subscriber(call, session, self._waits(call, now))
        )

    def resumed(self, session: Session, now: int) -> None:
        """A session goes on after a break."""
        waited = session.backlog
        session.backlog = Line(
            call for call in self._line if stored_for_resumed(call, session, call in waited or self._waits(call, now))
        )

    def go_on(self, now: int, effects: list[Effect]) -> None:
        """Something changed: hand out what may go, and watch who holds the others."""
        taking = self._dispatch.sessions.taking
        for session in taking:
            if session.backlog:
                self._pump(session, now, effects)
        taking = self._dispatch.sessions.taking
        if not taking:
            self._bodies.give_all_up()
        self._watch(taking, now, effects)

    def _pump(self, session: Session, now: int, effects: list[Effect]) -> None:
        """Fill the session's free slots with the calls whose turn it is."""
        backlog = session.backlog
        while backlog and session.taking and session.has_free_slot:
            call = backlog.first
            if session.paused_until > now:
                if session.paused_until < self._dispatch.armed:
                    self._dispatch.arm(session.paused_until, effects)
                break
            if self._holders.hold(call) or not keeping_of(call).loaded:
                break
            backlog.take_first()
            self._offer(session, call, effects)
        if backlog and session.taking:
            wanted = self._bodies.wanted(backlog)
            if wanted:
                effects.append(Fetch(wanted))

    def _offer(self, session: Session, call: Call, effects: list[Effect]) -> None:
        keeping = keeping_of(call)
        self._bodies.used(call)
        if call.request_id in session.deliveries:
            session.make_stale(call.request_id)
        keeping.inherited = keeping.overdue = False
        keeping.waits_for = ""
        next_waits = keeping.strategy is Strategy.ON_ACK or call.wants is Wants.DELIVERY
        awaited = (
            next_waits
            and keeping.strategy is not Strategy.BURST
            and session.offers_as is Delivery.IMPLIED
            and self._line.last is not call
        )
        self._dispatch.offer(session, call, effects, awaited)
        self._keep(call, effects)

    def _watch(self, taking: list[Session], now: int, effects: list[Effect]) -> None:
        """Let the clock run for the first call that holds others, if nothing else will end that."""
        first = self._holders.first
        if first is None or not self._stuck(first, taking):
            self._clock.clear()
            return
        if not taking:
            self._clock.stop(now)
            return
        self._clock.run(first, first.state is State.DELIVERED, all(one.poll for one in taking), now)
        if self._clock.due_at < self._dispatch.armed:
            self._dispatch.arm(self._clock.due_at, effects)

    def _stuck(self, call: Call, taking: list[Session]) -> bool:
        """Whether nobody is sure to tell more of a call that holds others."""
        keeping = keeping_of(call)
        if call.state is State.DELIVERED:
            return True
        if call.open:
            return keeping.inherited and call.state is State.SENT
        if call.state is State.QUEUED or keeping.overdue:
            return False
        return not any(call in session.backlog for session in taking)

    # --- what sessions tell ---

    def learn(self, call: Call, told: Told, session: Session, now: int, effects: list[Effect]) -> None:
        """Apply a fact: the call may end, be sent again, or make room for those behind it."""
        fact, closes = told
        before = call.state
        state = RULES[before][fact]
        if closes:
            call.open -= 1
        if call.open == 0:
            state = RULES[state][Fact.OVER]
        call.state = state
        if fact is Fact.DELIVERED and before is State.OFFERED and session.offers_as is Delivery.EXPLICIT:
            effects.append(Noted(call, Step.STEP_SENT, session.key))  # its device was faster than its worker's ack
        effects.append(Noted(call, STEPS[fact], session.key))
        if call.ending is not None and not call.withdrawing and state is not State.OFFERED:
            self._conclude(call, call.ending, now, effects)
        elif state is State.DELIVERED:
            if call.wants is Wants.DELIVERY:
                self._end(call, Complete(call, Outcome.OUTCOME_DELIVERED), now, effects)
            else:
                self._delivered(call, before)
        elif call.open == 0:
            self._over(call, now, effects)
        if call.request_id in self.living:
            self._keep(call, effects)

    def timed_out(self, call: Call) -> None:
        """A session reported that the acknowledgement did not come in time; counted when no other may still get it."""
        if call.state is not State.DELIVERED:
            keeping_of(call).overdue = True

    def reported_again(self, call: Call, told: Fact, session: Session, now: int, effects: list[Effect]) -> None:
        """A report of a delivery of the last core: that one did not live to handle it, or to have its row written."""
        keeping = keeping_of(call)
        if not keeping.inherited:
            return
        if told is Fact.NOT_ACKNOWLEDGED:
            if call.open or keeping.overdue or call.state is State.DELIVERED:
                return
            keeping.overdue = True
            call.state = RULES[call.state][Fact.WRITTEN]
        self.learn(call, Told(told, False), session, now, effects)

    def named(self, call: Call, session: Session, was_open: bool, now: int, effects: list[Effect]) -> None:
        """A resumed session says that it wrote the call and has not seen it acknowledged."""
        if keeping_of(call).overdue and not was_open:  # that it timed out was told, and counted, before the break
            session.deliveries[call.request_id] = Delivery.UNACKNOWLEDGED
            return
        call.open += not was_open
        self.learn(call, Told(Fact.WRITTEN, False), session, now, effects)

    def _delivered(self, call: Call, before: State) -> None:
        """The device acknowledged a two-way call: whoever waited for that may go."""
        keeping = keeping_of(call)
        if keeping.overdue or before is State.QUEUED or call.redelivery is not Redelivery.UNANSWERED:
            self._unqueue(call)
        keeping.overdue = False
        self._holders.note(call)
        if call.open == 0:
            self._rest(call)

    def _over(self, call: Call, now: int, effects: list[Effect]) -> None:
        """No session has the call any more."""
        if call.state is State.QUEUED:
            self._hand_out(call, now, effects)
        elif call.state is State.UNSURE and call.redelivery is Redelivery.NEVER:
            self._end(call, unknown(call, Cause.CAUSE_WORKER_LOST), now, effects)
        elif call.state is State.UNACKNOWLEDGED and keeping_of(call).overdue:
            self._count_timeout(call, now, effects)
        else:
            self._rest(call)

    def _count_timeout(self, call: Call, now: int, effects: list[Effect]) -> None:
        keeping = keeping_of(call)
        keeping.timeouts += 1
        if keeping.timeouts <= keeping.max_retries:
            self._retry_later(call, now, effects)
            self._rest(call)
        elif self._close_sessions:
            keeping.timeouts = 0
            keeping.overdue = False
            call.state = RULES[call.state][Fact.PUT_BACK]
            for session in self._dispatch.sessions.current.values():
                if not session.replaced:
                    self._dispatch.replace(session, ErrorReason.ERROR_REASON_DELIVERY_TIMEOUT, effects)
            self._dispatch.fail_fast(now, effects)
            self._hand_out(call, now, effects)
        else:
            self._end(call, not_acknowledged(call, keeping.max_retries), now, effects)

    def _retry_later(self, call: Call, now: int, effects: list[Effect]) -> None:
        keeping = keeping_of(call)
        keeping.overdue = True
        keeping.retry_at_ms = now + backoff_ms(self._backoff_ms, max(1, keeping.timeouts))
        self._unqueue(call)
        self._alarm(keeping.retry_at_ms, call.request_id, effects)

    def _unqueue(self, call: Call) -> None:
        """The call waits at no session any more."""
        for session in self._dispatch.sessions.current.values():
            session.backlog.discard(call)

    def _keep(self, call: Call, effects: list[Effect]) -> None:
        """Have the row written if it shows another state than the call has."""
        keeping = keeping_of(call)
        state = living_state(call)
        if state != keeping.row_state:
            keeping.row_state = state
            keeping.version += 1
            effects.append(Keep(call))

    def slots_freed(self, request_ids: Iterable[int]) -> None:
        """A session is over that had packets of these calls."""
        for request_id in request_ids:
            call = self.living.get(request_id)
            if call is not None and call.open == 0:
                self._rest(call)

    def _rest(self, call: Call) -> None:
        """The call has to wait; a body that no slot needs is given up."""
        if call.state is State.DELIVERED or not self._dispatch.sessions.hold(call.request_id):
            self._bodies.give_up(call)

    # --- ends ---

    def replied(self, call: Call, payload: bytes, error: str | None, now: int, effects: list[Effect]) -> None:
        """The device answered a living call."""
        if error is not None:
            done = refused_by_transport(call, error)
        else:
            done = Complete(call, Outcome.OUTCOME_SUCCEEDED, payload)
        self._end(call, done, now, effects, answered=True)
        self.go_on(now, effects)

    def release(self, call: Call, ending: Ending, now: int, effects: list[Effect]) -> None:
        """End a call from outside: at once, or when it is known whether it was sent."""
        if call.ending is not None:
            if not call.withdrawing:  # its worker did not say in time what became of it
                self._conclude(call, call.ending, now, effects)
            return
        self._unqueue(call)
        unacked = self._withdraw(call, effects)
        if call.state is State.OFFERED and ending is not Ending.DELETED:  # there it makes no difference
            call.ending = ending
            call.withdrawing = unacked
        else:
            self._conclude(call, ending, now, effects)

    def _withdraw(self, call: Call, effects: list[Effect]) -> int:
        unacked = self._dispatch.sessions.with_unacked(call.request_id)
        effects += [Withdraw(session.key, call.request_id) for session in unacked]
        return len(unacked)

    def withdrawal_answered(self, call: Call, taken_back: bool, now: int, effects: list[Effect]) -> None:
        """One of the sessions asked has said whether it still had the call; the last answer decides."""
        call.open -= taken_back
        if call.ending is None:
            return
        call.withdrawing -= 1
        if call.withdrawing == 0:
            if call.open == 0:
                call.state = RULES[call.state][Fact.OVER]
            if call.open == 0 or call.ending is not Ending.CANCELLED:  # a canceller waits for its worker's word
                self._conclude(call, call.ending, now, effects)

    def _conclude(self, call: Call, ending: Ending, now: int, effects: list[Effect]) -> None:
        call.ending = None
        never_sent = call.state in (State.STORING, State.QUEUED)
        if ending is Ending.DELETED:
            done = failed(call, ErrorReason.ERROR_REASON_DEVICE_DELETED, Cause.CAUSE_DEVICE_DELETED)
        elif ending is Ending.CANCELLED:
            done = cancelled(call, never_sent)
        else:
            done = expired(call, self.lacks(call) if never_sent else MISSING[call.state][call.wants])
        self._end(call, done, now, effects)

    def _end(self, call: Call, done: Complete, now: int, effects: list[Effect], *, answered: bool = False) -> None:
        """The call is over for its device; its caller hears of it when that is committed."""
        keeping = keeping_of(call)
        keeping.version += 1
        keeping.end, keeping.end_version = done, keeping.version
        if not answered and done.outcome not in _ANSWERED and call.state not in (State.STORING, State.QUEUED):
            self._late.remember(self._device_id, call.request_id, now)
        self.forget(call)
        self.ended[call.request_id] = call
        self._bodies.give_up(call)
        effects.append(Keep(call))

    def remove(self, call: Call, now: int, effects: list[Effect]) -> None:
        """Its row is being removed: what is out is withdrawn, and nothing more is said of it."""
        self._withdraw(call, effects)
        if call.state not in (State.STORING, State.QUEUED):
            self._late.remember(self._device_id, call.request_id, now)
        self.forget(call)
        self.go_on(now, effects)

    def forget(self, call: Call) -> None:
        """Let the call be none of the device's."""
        self.living.pop(call.request_id, None)
        self.ended.pop(call.request_id, None)
        self._line.discard(call)
        self._holders.discard(call)
        self._bodies.used(call)
        self._unqueue(call)
        self._dispatch.sessions.forget_call(call.request_id)
        if not self.living:
            self._clock.clear()

    # --- time ---

    def _alarm(self, at_ms: int, request_id: int, effects: list[Effect]) -> None:
        heappush(self._alarms, (at_ms, request_id))
        if at_ms < self._dispatch.armed:
            self._dispatch.arm(at_ms, effects)

    def passed(self, now: int, effects: list[Effect]) -> None:
        """Deadlines, retries, and the patience with a call that holds others."""
        alarms = self._alarms
        while alarms and alarms[0][0] <= now:
            call = self.living.get(heappop(alarms)[1])
            if call is None or keeping_of(call).doomed:
                continue
            if call.deadline_ms <= now:
                self.release(call, Ending.EXPIRED, now, effects)
            elif self._waits(call, now):
                self._hand_out(call, now, effects)
        self.go_on(now, effects)
        first = self._holders.first
        if first is not None and self._clock.due_at <= now:
            self._clock.clear()
            self._lose_patience(first, now, effects)
            self.go_on(now, effects)

    def _lose_patience(self, call: Call, now: int, effects: list[Effect]) -> None:
        """The call has held the others for long enough."""
        if call.state is State.DELIVERED:
            self._end(call, not_answered_in_turn(call), now, effects)
            return
        effects.append(Noted(call, Step.STEP_NOT_ACKNOWLEDGED, None, "nobody can tell"))
        keeping_of(call).inherited = False
        for session in self._dispatch.sessions:
            if session.deliveries.get(call.request_id) is Delivery.WRITTEN:
                session.deliveries[call.request_id] = Delivery.UNACKNOWLEDGED
                call.open -= 1
        if call.redelivery is Redelivery.NEVER:
            self._end(call, not_acknowledged(call, keeping_of(call).max_retries), now, effects)
            return
        call.state = RULES[RULES[call.state][Fact.NOT_ACKNOWLEDGED]][Fact.OVER]
        self._count_timeout(call, now, effects)
        if call.request_id in self.living:
            self._keep(call, effects)

    @property
    def wake_at(self) -> int:
        """When something is due next."""
        alarms = self._alarms
        while alarms and alarms[0][1] not in self.living:
            heappop(alarms)
        return min(alarms[0][0] if alarms else NEVER, self._clock.due_at)
