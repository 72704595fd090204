"""What stored calls, their rows, sessions and packets are to somebody who only knows what was told of each packet.

The model beside the machine: it says what each call's state follows from, which calls each session is owed, and what
ends were true; `StoredWorld` holds the machine's every effect against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from doubles.call_shell import CallShell

from trunkline.core.calls.model import (
    Call,
    CloseSession,
    Complete,
    Deliver,
    Effect,
    Fetch,
    Finished,
    Keep,
    Keeping,
    Noted,
    Redelivery,
    State,
    Strategy,
)
from trunkline.core.calls.retries import backoff_ms
from trunkline.v1.call_pb2 import CallState, Outcome, Step
from trunkline.v1.error_pb2 import Cause, ErrorReason

BACKOFF_MS: Final = 500
TAKEN_UP: Final = {
    CallState.CALL_STATE_QUEUED: State.QUEUED,
    CallState.CALL_STATE_SENT: State.SENT,
    CallState.CALL_STATE_TIMEOUT: State.UNACKNOWLEDGED,
    CallState.CALL_STATE_DELIVERED: State.DELIVERED,
}
"""What a core that starts knows of a call whose row says this."""
RESPONSE_MS: Final = 4000
OPEN: Final = ("unacked", "written")


@dataclass(eq=False)
class Packet:
    """A call as it was handed to a session once: unacked, written, timed out or lost."""

    name: str
    explicit: bool
    state: str = "unacked"
    in_outbox: bool = False


@dataclass(eq=False)
class Connection:
    """A session as the device's worker sees it."""

    epoch: int
    kind: str
    slots: int
    subscribed: bool = False
    explicit: bool = False
    suspended: bool = False
    replaced: bool = False
    ended: bool = False
    known: bool = True
    """To this core."""
    clogged: bool = False
    paused_until: int = 0
    packets: list[Packet] = field(default_factory=list)
    owed: set[str] = field(default_factory=set)
    """Calls that go out here when their turn comes."""

    @property
    def taking(self) -> bool:
        return self.subscribed and not (self.suspended or self.replaced or self.ended)

    @property
    def used(self) -> int:
        return sum(one.state != "lost" for one in self.packets)

    def of(self, name: str, *states: str) -> list[Packet]:
        """The call's packets here, the latest last."""
        return [one for one in self.packets if one.name == name and (not states or one.state in states)]


@dataclass(eq=False)
class Stored:
    """A stored call as its row and its packets tell it."""

    call: Call
    told: list[str] = field(default_factory=list)
    base: State = State.QUEUED
    """What the row said when the call was taken up, until more is known."""
    inherited: bool = False
    committed: int = 0
    doomed: bool = False
    living: bool = True
    over: bool = False
    """Its row had its end when another core started."""
    gone: bool = False
    """Dropped, removed or never stored: nobody may say anything of it."""
    cancelled: bool = False
    deleted: bool = False
    replied: bool = False
    failed_reply: bool = False
    timeouts: int = 0
    overdue: bool = False
    counted: bool = True
    """The latest missing acknowledgement is in `timeouts`."""
    retry_at: int = 0
    impatient: bool = False
    """Nobody could tell what became of it for as long as it may hold others."""
    taken_up: bool = False
    rows: dict[int, tuple[CallState.ValueType, int, bool]] = field(default_factory=dict)
    """By version: state, timeouts, and whether it has the end."""

    @property
    def keeping(self) -> Keeping:
        assert self.call.keeping is not None
        return self.call.keeping


class StoredWorld(CallShell):
    """Performs the machine's effects on the model and checks each of them."""

    def __init__(self, *, sessions: int, close_sessions: bool, start: int = 1, now: int = 0) -> None:
        super().__init__(
            sessions=sessions,
            start=start,
            backoff_ms=BACKOFF_MS,
            response_ms=RESPONSE_MS,
            close_sessions=close_sessions,
        )
        self.now = now
        self.close_sessions = close_sessions
        self.model: dict[str, Stored] = {}
        self.world: dict[str, Connection] = {}
        self.stuck: tuple[str, bool] | None = None
        """The call that holds the others while nothing can be told of it; whether it is delivered."""
        self._stuck_ms = 0
        self._seen_at = now
        self._was_taking = False
        self._depth = 0

    # --- what follows from what was told ---

    def count_open(self, name: str) -> int:
        return sum(len(one.of(name, *OPEN)) for one in self.world.values())

    def state(self, name: str) -> State:
        """What is known of the call."""
        model = self.model[name]
        if not model.committed:
            return State.STORING
        if "delivered" in model.told:
            return State.DELIVERED
        under_way = self.count_open(name)
        if "written" in model.told or "unacknowledged" in model.told:
            return State.SENT if under_way else State.UNACKNOWLEDGED
        if "lost" in model.told:
            return State.UNSURE
        return State.OFFERED if under_way else model.base

    def row(self, name: str) -> CallState.ValueType:
        """What the row of a living call shows."""
        match self.state(name):
            case State.SENT:
                return CallState.CALL_STATE_SENT
            case State.UNACKNOWLEDGED:
                timed_out = self.model[name].overdue
                return CallState.CALL_STATE_TIMEOUT if timed_out else CallState.CALL_STATE_SENT
            case State.DELIVERED:
                return CallState.CALL_STATE_DELIVERED
            case _:
                return CallState.CALL_STATE_QUEUED

    def waits(self, name: str) -> bool:
        """Whether whoever takes calls is owed it."""
        model = self.model[name]
        if not (model.living and model.committed) or model.doomed or model.cancelled or self.count_open(name):
            return False
        return self.state(name) is State.QUEUED or (model.overdue and model.counted and model.retry_at <= self.now)

    def holds(self, name: str) -> bool:
        model = self.model[name]
        if not (model.living and model.committed) or model.doomed or model.keeping.strategy is Strategy.BURST:
            return False
        if model.keeping.end is not None:
            return False  # its `Keep` comes behind a withdrawal that is being answered
        return model.keeping.strategy is Strategy.ON_RESPONSE or self.state(name) is not State.DELIVERED

    def holder(self) -> str | None:
        """The call that holds those behind it."""
        return min(filter(self.holds, self.model), key=self.ordinal, default=None)

    def ordinal(self, name: str) -> int:
        return self.model[name].keeping.ordinal

    def is_held(self, name: str) -> bool:
        first = self.holder()
        return first is not None and self.ordinal(first) < self.ordinal(name)

    def lacks(self, session: Connection, name: str) -> bool:
        return not session.of(name, *OPEN) and not session.of(name, "lost")

    def owe(self) -> None:
        """Calls that wait are owed to all who take calls."""
        waiting = [name for name in self.model if self.waits(name)]
        for session in self.world.values():
            if session.taking:
                session.owed.update(name for name in waiting if self.lacks(session, name))

    def owed_to_subscriber(self, session: Connection) -> set[str]:
        """What a fresh subscription is owed."""
        return {name for name in self.model if self._redelivered(session, name)}

    def _redelivered(self, session: Connection, name: str) -> bool:
        model = self.model[name]
        if not (model.living and model.committed) or model.doomed or model.cancelled or not self.lacks(session, name):
            return False
        if self.waits(name):
            return True
        if model.call.redelivery is Redelivery.NEVER or session.of(name):
            return False
        if model.call.redelivery is Redelivery.UNANSWERED and session.kind != "poll":
            return True
        undelivered = (State.UNSURE, State.UNACKNOWLEDGED, State.SENT)
        return not self.count_open(name) and self.state(name) in undelivered

    def owed_to_resumed(self, session: Connection) -> set[str]:
        """What a session is owed after a break."""
        return {name for name in self.model if self._goes_on(session, name)}

    def _goes_on(self, session: Connection, name: str) -> bool:
        model = self.model[name]
        if not (model.living and model.committed) or model.doomed or model.cancelled or not self.lacks(session, name):
            return False
        if self.waits(name) or name in session.owed:
            return True
        if model.call.redelivery is Redelivery.NEVER or self.count_open(name) or session.of(name) or model.overdue:
            return False
        return self.state(name) in (State.UNSURE, State.UNACKNOWLEDGED)

    # --- what is told ---

    def settle(self, session: Connection, packet: Packet, fact: str) -> None:
        """One of the session's packets is done with."""
        before = self.state(packet.name) if packet.name in self.model else None
        self.free(session, packet)
        if before is not None:
            self.tell(packet.name, fact, before=before)

    def tell(self, name: str, fact: str, *, timed_out: bool = False, before: State | None = None) -> None:
        """Something was told of the call: note it, and what must follow. `before`: what was known, if not what is."""
        model = self.model[name]
        if not model.living or not model.committed:
            return
        before = before or self.state(name)
        timed_out = timed_out and before is not State.DELIVERED
        if fact != "not sent":
            if model.base is State.SENT:  # as its row said
                model.told.append("written")
            model.told.append(fact)
        model.overdue = model.overdue or timed_out
        model.counted = model.counted and not timed_out
        if fact == "delivered" and before is not State.DELIVERED:
            if model.overdue or before is State.QUEUED or model.call.redelivery is not Redelivery.UNANSWERED:
                self.unqueue(name)
            model.overdue = False
        self.count_timeout(name)

    def count_timeout(self, name: str) -> None:
        """A missing acknowledgement counts once no session can still get it."""
        model = self.model[name]
        if not (model.living and model.overdue and not model.counted) or model.cancelled:
            return
        if self.state(name) is not State.UNACKNOWLEDGED:
            return
        model.counted = True
        model.timeouts += 1
        if model.timeouts <= model.keeping.max_retries:
            model.retry_at = self.now + backoff_ms(BACKOFF_MS, model.timeouts)
            self.unqueue(name)
        elif self.close_sessions:
            model.timeouts, model.overdue, model.base = 0, False, State.QUEUED
            model.told.clear()
            for session in self.world.values():
                if not session.ended and not session.replaced:
                    session.replaced, session.subscribed = True, False
                    session.owed.clear()

    def unqueue(self, name: str) -> None:
        """Nobody is owed the call any more."""
        for session in self.world.values():
            session.owed.discard(name)

    def forget(self, name: str) -> None:
        """The call is over for its device."""
        self.model[name].living = False
        self.unqueue(name)
        for session in self.world.values():
            if session.ended:
                session.packets = [one for one in session.packets if one.name != name]

    def free(self, session: Connection, packet: Packet) -> None:
        """A packet is done with; older ones of its call can only be acknowledged late."""
        session.packets.remove(packet)
        for other in session.of(packet.name):
            if other.state != "lost":
                other.state = "timed out"

    # --- another core ---

    def restart(self, start: int, versions: dict[str, int]) -> None:
        """The core dies; another one finds these versions of the rows, and takes up those that have not ended."""
        self.machine = self.new_machine(start)
        self.wake_at, self.wanted, self.stuck, self._was_taking = None, (), None, False
        for name in sorted(self.model, key=self.ordinal):
            model = self.model[name]
            if model.gone or model.over:
                continue
            version = versions[name]
            assert version or not [end for end in self.ends[name] if end.outcome == Outcome.OUTCOME_ACCEPTED]
            if not version or model.rows[version][2]:
                model.living, model.gone = False, not version
                model.over = bool(version)
                continue
            assert not self.finished[name], "nobody hears of an end that is not committed"
            self._take_up(name, model, version)

    def _take_up(self, name: str, old: Stored, version: int) -> None:
        row, timeouts, _ = old.rows[version]
        before, kept = old.call, old.keeping
        keeping = Keeping(
            kept.ordinal, kept.create_unix_ms, kept.expire_unix_ms, kept.strategy, kept.max_retries, kept.body_bytes,
            loaded=False, version=version, committed=version, timeouts=timeouts,
        )  # fmt: skip  # one argument a line says less
        call = Call(
            before.call_id, before.device_id, before.tenant_id, before.kind, "", b"", before.deadline_ms, name,
            redelivery=before.redelivery, keeping=keeping, request_id=before.request_id, state=TAKEN_UP[row],
        )  # fmt: skip  # the same
        model = Stored(call, committed=version, inherited=True, taken_up=True, timeouts=timeouts)
        model.rows = {number: old.rows[number] for number in old.rows if number <= version}
        model.base = State.SENT if row == CallState.CALL_STATE_SENT else State.QUEUED
        if row == CallState.CALL_STATE_DELIVERED:
            model.told.append("delivered")
        elif row == CallState.CALL_STATE_TIMEOUT:
            model.told.append("unacknowledged")
            model.overdue, model.retry_at = True, self.now + backoff_ms(BACKOFF_MS, timeouts)
        self.model[name], self.calls[name], self.shown[name] = model, call, call.state
        self.kept[name] = version
        self.perform(self.machine.taken_up(call, self.now))

    # --- the machine's effects ---

    def perform(self, effects: Sequence[Effect]) -> None:
        self.owe()
        self._depth += 1
        super().perform(effects)
        self._depth -= 1
        if not self._depth:  # else an answer to one of several effects, the others of which are still to be performed
            self._look_for_stuck()

    def was_written(self, session: str, request_id: int) -> bool:
        name, one = self.names[request_id], self.world[session]
        packets = [packet for packet in one.of(name, "unacked") if packet.in_outbox]
        if not packets:
            return True
        self.settle(one, packets[0], "not sent")
        return False

    def _perform_one(self, effect: Effect) -> None:
        match effect:
            case Deliver(session, call, _):
                self._delivered(self.world[session], self.name(call.request_id), call)
            case Complete(call) if call.keeping is not None:
                self._completed(self.model[str(call.owner)], effect)
            case Keep(call):
                self._kept(call)
            case Finished(end):
                model = self.model[str(end.call.owner)]
                assert not model.living and not model.gone
                assert not self.finished[str(end.call.owner)]
                assert end is model.keeping.end and model.committed >= model.keeping.end_version
            case Fetch(calls):
                assert all(not call.keeping.loaded for call in calls if call.keeping)
            case Noted(call, Step.STEP_NOT_ACKNOWLEDGED, None, _):
                self._impatient(self.name(call.request_id))
            case CloseSession(session, reason):
                if reason == ErrorReason.ERROR_REASON_DELIVERY_TIMEOUT:
                    assert self.close_sessions and self.world[session].replaced
            case _:
                pass
        super()._perform_one(effect)

    def _delivered(self, session: Connection, name: str, call: Call) -> None:
        assert session.taking and session.paused_until <= self.now
        assert session.used < session.slots
        if name in self.model:
            model = self.model[name]
            assert model.living and model.committed and not model.doomed and not model.cancelled
            assert name in session.owed, "by its redelivery, a retry or because nobody had it"
            assert not self.is_held(name)
            assert call.method == "m" and call.params == b"{}"
            session.owed.discard(name)
            model.overdue = model.inherited = False
            if model.base is not State.QUEUED:  # a row that said more
                model.told.append("delivered" if model.base is State.DELIVERED else "written")
                model.base = State.QUEUED
            for older in session.of(name):
                if older.state == "lost":
                    session.packets.remove(older)
        session.packets.append(Packet(name, session.explicit, in_outbox=session.clogged))
        if session.kind == "poll":
            session.subscribed = False
            session.owed.clear()

    def _completed(self, model: Stored, done: Complete) -> None:
        assert not self.ends[str(model.call.owner)] and not model.taken_up, "its submitter is answered once"
        match done.outcome:
            case Outcome.OUTCOME_ACCEPTED:
                assert model.committed
            case Outcome.OUTCOME_UNKNOWN:
                assert model.doomed and done.cause == Cause.CAUSE_COMMIT_UNKNOWN
            case Outcome.OUTCOME_FAILED:
                assert model.gone
            case _:
                assert done.cause == Cause.CAUSE_HUNG_UP and not model.committed

    def _kept(self, call: Call) -> None:
        name = str(call.owner)
        model = self.model.setdefault(name, Stored(call))
        keeping = model.keeping
        assert keeping.version >= max(model.rows, default=1)
        if keeping.end is not None and model.living:
            self._ended(name, model, keeping.end)
            self.forget(name)
            assert keeping.end_version == keeping.version
        elif model.committed:
            assert model.living
            assert keeping.row_state == self.row(name)
        row = self.row(name) if keeping.end is None else CallState.CALL_STATE_UNSPECIFIED
        model.rows[keeping.version] = (row, keeping.timeouts, keeping.end is not None)

    def _ended(self, name: str, model: Stored, end: Complete) -> None:
        state = self.state(name)
        match end.outcome, end.cause:
            case Outcome.OUTCOME_SUCCEEDED, _:
                assert model.replied and not model.failed_reply
            case Outcome.OUTCOME_DELIVERED, _:
                assert model.call.wants == "delivery" and state is State.DELIVERED
            case Outcome.OUTCOME_CANCELLED, _:
                assert model.cancelled
                assert state is not State.OFFERED or self.now >= model.call.deadline_ms
                assert ("before" in end.detail) == (state in (State.QUEUED, State.STORING))
            case Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_WORKER_LOST:
                assert state is State.UNSURE and not self.count_open(name)
                assert model.call.redelivery is Redelivery.NEVER
            case Outcome.OUTCOME_FAILED, Cause.CAUSE_DEVICE_TRANSPORT_ERROR:
                assert model.failed_reply
            case Outcome.OUTCOME_FAILED, Cause.CAUSE_DEVICE_DELETED:
                assert model.deleted
            case Outcome.OUTCOME_FAILED, Cause.CAUSE_COMMIT_UNKNOWN:
                assert model.doomed and model.committed
            case Outcome.OUTCOME_FAILED, Cause.CAUSE_NO_ACK_FROM_DEVICE:
                spent = model.timeouts > model.keeping.max_retries and not self.close_sessions
                assert spent or (model.impatient and model.call.redelivery is Redelivery.NEVER)
                assert str(model.keeping.max_retries) in end.detail
            case Outcome.OUTCOME_FAILED, Cause.CAUSE_NO_REPLY_IN_TURN:
                assert state is State.DELIVERED and model.keeping.strategy is Strategy.ON_RESPONSE
                assert self.stuck == (name, True) and self.stuck_for() >= RESPONSE_MS
            case Outcome.OUTCOME_EXPIRED, _:
                assert self.now >= model.call.deadline_ms
                assert end.cause in self._lacking(model, state), (name, end.cause, state)
            case _:
                raise AssertionError(end)

    def _lacking(self, model: Stored, state: State) -> tuple[Cause.ValueType, ...]:
        name = str(model.call.owner)
        if state in (State.QUEUED, State.STORING):
            if state is State.QUEUED and self.is_held(name):
                return (Cause.CAUSE_BEHIND_OTHERS,)
            unavailable = (Cause.CAUSE_DEVICE_OFFLINE, Cause.CAUSE_DEVICE_NOT_SUBSCRIBED, Cause.CAUSE_DEVICE_BUSY)
            return (*unavailable, Cause.CAUSE_EXPIRED_ON_ARRIVAL, Cause.CAUSE_BEHIND_OTHERS)
        if state in (State.OFFERED, State.UNSURE):
            return (Cause.CAUSE_NO_ACK_FROM_WORKER,)
        return (Cause.CAUSE_NO_ACK_FROM_DEVICE if model.call.wants == "delivery" else Cause.CAUSE_NO_REPLY,)

    def _impatient(self, name: str) -> None:
        """The machine does not wait for news of the holder any more."""
        assert self.stuck == (name, False) and self.stuck_for() >= RESPONSE_MS
        model = self.model[name]
        model.impatient, model.inherited = True, False
        model.base = State.QUEUED
        for session in self.world.values():
            for packet in session.of(name, "written"):
                packet.state = "timed out"
        if model.call.redelivery is not Redelivery.NEVER:
            self.tell(name, "unacknowledged", timed_out=True)

    # --- the bound on holding ---

    def stuck_for(self) -> int:
        """So many milliseconds it has held them while the device took calls; gaps between polls begin nothing anew."""
        return self._stuck_ms + (self.now - self._seen_at if self._was_taking else 0)

    def _look_for_stuck(self) -> None:
        first = self.holder()
        taking = [one for one in self.world.values() if one.taking]
        stuck = None
        if first is not None and self._is_stuck(first, taking):
            stuck = (first, self.state(first) is State.DELIVERED)
        anew = stuck != self.stuck or (not self._was_taking and not all(one.kind == "poll" for one in taking))
        self._stuck_ms = 0 if anew else self.stuck_for()
        self.stuck, self._seen_at, self._was_taking = stuck, self.now, bool(taking)

    def _is_stuck(self, name: str, taking: list[Connection]) -> bool:
        model = self.model[name]
        if self.state(name) is State.DELIVERED:
            return True
        if self.count_open(name):
            return model.inherited and self.state(name) is State.SENT
        if self.state(name) is State.QUEUED or model.overdue:
            return False
        return not any(name in session.owed for session in taking)
