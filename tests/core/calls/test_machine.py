"""The machine against a model that knows only what was told of each delivery, under arbitrary histories.

The scenarios a person can read are in scripts/.
"""

from dataclasses import dataclass, field
from typing import Final

import hypothesis.strategies as st
from doubles.call_shell import CallShell
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline.core.calls.machine import RETRY_MS
from trunkline.core.calls.model import Call, Complete, Deliver, Effect, Redelivery, State, Wants
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause

KIND: Final = CallKind.CALL_KIND_TWO_WAY

OPEN: Final = ("unacked", "written")
"""What was told of a delivery that still counts as under way; the others are settled."""


@dataclass
class ModelCall:
    """A call as its deliveries tell it."""

    call: Call
    told: list[str] = field(default_factory=list)
    """Everything ever said of a delivery of it."""
    open: int = 0
    living: bool = True
    hung_up: bool = False
    replied: bool = False
    offered: bool = False

    @property
    def state(self) -> State:
        """What is known: a function of the facts told, in whatever order."""
        if "delivered" in self.told:
            return State.DELIVERED
        if "written" in self.told or "unacknowledged" in self.told:
            return State.SENT if self.open else State.UNACKNOWLEDGED
        if "lost" in self.told:
            return State.UNSURE
        return State.OFFERED if self.open else State.QUEUED

    @property
    def left(self) -> bool:
        """Whether it waits for the device's next subscription."""
        if self.open:
            return False
        left = self.state in (State.UNSURE, State.UNACKNOWLEDGED) and self.call.redelivery is not Redelivery.NEVER
        return left or self.state is State.QUEUED

    @property
    def satisfied(self) -> bool:
        """Whether its caller has what it wants."""
        if self.call.wants is Wants.REPLY:
            return self.replied
        if self.call.wants is Wants.DELIVERY:
            return self.replied or self.state is State.DELIVERED
        return self.replied or self.state in (State.SENT, State.UNACKNOWLEDGED, State.DELIVERED)

    @property
    def hopeless(self) -> bool:
        """Redelivery never: whether nothing will come of it."""
        if self.open or self.call.redelivery is not Redelivery.NEVER:
            return False
        unacknowledged = self.state is State.UNACKNOWLEDGED and self.call.wants is Wants.DELIVERY
        return self.state is State.UNSURE or unacknowledged


@dataclass
class ModelSession:
    """A session as the device's worker sees it."""

    epoch: int
    kind: str
    slots: int
    subscribed: bool = False
    explicit: bool = False
    suspended: bool = False
    replaced: bool = False
    ended: bool = False
    clogged: bool = False
    paused_until: int = 0
    deliveries: dict[str, str] = field(default_factory=dict)
    """By call: unacked, written, unacknowledged, lost."""
    explicit_deliveries: set[str] = field(default_factory=set)
    in_outbox: set[str] = field(default_factory=set)

    @property
    def taking(self) -> bool:
        return self.subscribed and not (self.suspended or self.replaced or self.ended)


class Histories(CallShell):
    """Keeps the model beside the machine and checks each effect against it."""

    def __init__(self, *, sessions: int, pending: int, grace_ms: int) -> None:
        super().__init__(sessions=sessions, pending=pending, grace_ms=grace_ms)
        self.model: dict[str, ModelCall] = {}
        self.world: dict[str, ModelSession] = {}
        self.delivered: list[str] = []

    def tell(self, session: ModelSession, name: str, told: str) -> None:
        """Note what is told of a delivery."""
        model = self.model[name]
        was_open = session.deliveries.pop(name) in OPEN
        if told in ("written", "unacknowledged", "lost") and (not session.ended or told == "lost"):
            session.deliveries[name] = told
        model.told.append(told)
        model.open += (told in OPEN) - was_open

    def was_written(self, session: str, request_id: int) -> bool:
        name = self.names[request_id]
        one = self.world[session]
        if name not in one.in_outbox:
            return True
        self.tell(one, name, "not sent")
        return False

    def _perform_one(self, effect: Effect) -> None:
        match effect:
            case Deliver(session, call, _):
                self._check_delivery(self.world[session], self.names.get(call.request_id, str(call.owner)))
            case Complete(call):
                self._check_ending(self.model[str(call.owner)], effect)
            case _:
                pass
        super()._perform_one(effect)

    def _check_delivery(self, session: ModelSession, name: str) -> None:
        model = self.model[name]
        assert session.taking
        assert session.paused_until <= self.now
        assert model.living
        assert name not in session.deliveries
        assert len(session.deliveries) < session.slots
        session.deliveries[name] = "unacked"
        model.open += 1
        model.offered = True
        self.delivered.append(name)
        if session.explicit:
            session.explicit_deliveries.add(name)
        else:
            session.explicit_deliveries.discard(name)
        if session.clogged:
            session.in_outbox.add(name)
        else:
            session.in_outbox.discard(name)
        if session.kind == "poll":
            session.subscribed = False

    def _check_ending(self, model: ModelCall, done: Complete) -> None:
        assert model.living
        assert not self.ends[str(model.call.owner)]
        wants, state = model.call.wants, model.state
        match done.outcome:
            case Outcome.OUTCOME_SUCCEEDED:
                assert wants is Wants.REPLY and model.replied
            case Outcome.OUTCOME_SENT:
                assert wants is Wants.SENDING and model.satisfied
            case Outcome.OUTCOME_DELIVERED:
                assert wants is Wants.DELIVERY and model.satisfied
            case Outcome.OUTCOME_CANCELLED:
                assert model.hung_up
            case Outcome.OUTCOME_UNKNOWN:
                assert model.hopeless
            case Outcome.OUTCOME_EXPIRED:
                assert model.call.deadline_ms <= self.now
                assert done.cause in self._lacking(model, state)
            case Outcome.OUTCOME_FAILED:
                assert state is State.QUEUED
                if done.cause == Cause.CAUSE_DEVICE_OFFLINE:
                    assert model.call.fail_fast and not self.reachable
            case _:
                raise AssertionError(done)
        model.living = model.hung_up

    def _lacking(self, model: ModelCall, state: State) -> tuple[Cause.ValueType, ...]:
        if not model.call.request_id:
            return (Cause.CAUSE_EXPIRED_ON_ARRIVAL,)
        if state is State.QUEUED:
            return (Cause.CAUSE_DEVICE_OFFLINE, Cause.CAUSE_DEVICE_NOT_SUBSCRIBED, Cause.CAUSE_DEVICE_BUSY)
        if state in (State.OFFERED, State.UNSURE):
            return (Cause.CAUSE_NO_ACK_FROM_WORKER,)
        if model.call.wants is Wants.DELIVERY:
            return (Cause.CAUSE_NO_ACK_FROM_DEVICE,)
        return (Cause.CAUSE_NO_REPLY,)

    @property
    def reachable(self) -> bool:
        sessions = [one for one in self.world.values() if not one.ended]
        if not sessions:
            return self.now < self.grace_ms
        return any(one.subscribed or one.suspended for one in sessions if not one.replaced)

    def bury(self) -> None:
        """Hung-up calls end without a word."""
        for model in self.model.values():
            over = model.satisfied or model.hopeless or model.state is State.QUEUED
            if model.hung_up and (over or model.call.deadline_ms <= self.now):
                model.living = False
            if not model.living:
                for session in self.world.values():
                    if session.ended:
                        session.deliveries.pop(str(model.call.owner), None)

    grace_ms = 0


def with_calls(machine: "MachineAgainstModel") -> bool:
    return bool(machine.living())


def with_sessions(machine: "MachineAgainstModel") -> bool:
    return bool(machine.sessions())


def with_broken(machine: "MachineAgainstModel") -> bool:
    return bool(machine.sessions(suspended=True) + machine.sessions(suspended=True, ended=True))


def with_unacked(machine: "MachineAgainstModel") -> bool:
    return bool(machine.deliveries("unacked"))


def with_slots_held(machine: "MachineAgainstModel") -> bool:
    return bool(machine.deliveries("unacked", "written", "unacknowledged"))


def calm(machine: "MachineAgainstModel") -> bool:
    """Disturbances are rarer than work, else every history is over before it began."""
    return machine.steps % 4 == 0 and with_sessions(machine)


class MachineAgainstModel(RuleBasedStateMachine):
    """Random histories of one device. Preconditions leave out what would do nothing, so that histories go deep."""

    steps = 0

    @initialize(
        sessions=st.integers(1, 3),
        pending=st.integers(3, 12),
        grace=st.sampled_from([0, 3000]),
        subscribed=st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=3),
    )
    def start(self, sessions: int, pending: int, grace: int, subscribed: list[tuple[int, bool]]) -> None:
        self.limit = sessions
        self.pending = pending
        self.shell = Histories(sessions=sessions, pending=pending, grace_ms=grace)
        self.shell.grace_ms = grace
        self.epoch = 0
        for slots, explicit in subscribed:
            self.begin("asynchronous", slots)
            self.take_calls(f"s{self.epoch}", explicit)

    # --- what the histories choose from ---

    def sessions(self, *, suspended: bool = False, ended: bool = False) -> list[str]:
        world = self.shell.world.items()
        return [name for name, one in world if one.suspended == suspended and one.ended == ended]

    def deliveries(self, *states: str) -> list[tuple[str, str]]:
        world = self.shell.world.items()
        return [
            (session, name)
            for session, one in world
            if not one.suspended
            for name, state in one.deliveries.items()
            if state in states and name not in one.in_outbox
        ]

    def expect(self, session: str, names: list[str], before: int) -> None:
        """The session just began to take calls: it was given the first of these, as many as it has slots."""
        one = self.shell.world[session]
        got = self.shell.delivered[before:]
        free = max(0, one.slots - (len(one.deliveries) - len(got)))
        limit = min(free, 1) if one.kind == "poll" else free
        assert got == (names[:limit] if one.paused_until <= self.shell.now else [])

    def check_fail_fast(self) -> None:
        """A session went: who would not wait for an offline device does not. (A new one may subscribe any moment.)"""
        if not self.shell.reachable:
            assert not [name for name, model in self.living() if model.call.fail_fast and model.state is State.QUEUED]

    def living(self) -> list[tuple[str, ModelCall]]:
        return [(name, model) for name, model in self.shell.model.items() if model.living]

    # --- callers ---

    @rule(
        wants=st.sampled_from(Wants),
        fail_fast=st.sampled_from([False, False, True]),
        timeout=st.sampled_from([20_000, 20_000, 5000, 1000, 50, 0]),
        redelivery=st.sampled_from(Redelivery),
    )
    def submit(self, wants: Wants, fail_fast: bool, timeout: int, redelivery: Redelivery) -> None:
        shell = self.shell
        name = f"c{len(shell.calls)}"
        full = len(self.living()) >= self.pending
        stand_in = Call(
            b"", b"", b"", KIND, "", b"", shell.now + timeout, name, fail_fast, False, redelivery, wants=wants
        )
        model = shell.model[name] = ModelCall(stand_in)
        stand_in.request_id = int(timeout > 0)
        model.call = shell.call(
            name,
            one_way=wants is Wants.SENDING,
            await_delivery=wants is Wants.DELIVERY,
            fail_fast=fail_fast,
            timeout_ms=timeout,
            redelivery=redelivery,
        )
        if full and timeout:
            assert shell.ends[name][0].cause == Cause.CAUSE_QUEUE_FULL

    @precondition(with_calls)
    @precondition(calm)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        waiting = [name for name, model in self.living() if not model.hung_up]
        if waiting:
            name = data.draw(st.sampled_from(waiting))
            self.shell.model[name].hung_up = True
            self.shell.hang_up(name)
            assert self.shell.ends[name][0].outcome == Outcome.OUTCOME_CANCELLED
            self.shell.bury()

    # --- sessions ---

    @precondition(lambda machine: not machine.sessions() or machine.steps % 6 == 0)
    @rule(kind=st.sampled_from(["asynchronous", "asynchronous", "poll"]), slots=st.integers(1, 3))
    def open(self, kind: str, slots: int) -> None:
        self.begin(kind, slots)

    def begin(self, kind: str, slots: int) -> None:
        self.epoch += 1
        name = f"s{self.epoch}"
        self.shell.world[name] = ModelSession(self.epoch, kind, slots)
        self.limit_sessions()
        self.shell.open(name, self.epoch, kind, slots)

    def limit_sessions(self) -> None:
        counted = [
            one
            for one in self.shell.world.values()
            if one.kind == "asynchronous" and not one.replaced and not one.ended
        ]
        counted.sort(key=lambda one: one.epoch)
        for one in counted[: max(0, len(counted) - self.limit)]:
            one.replaced = True
            one.subscribed = False

    @precondition(with_sessions)
    @rule(data=st.data(), explicit=st.booleans())
    def subscribe(self, data: st.DataObject, explicit: bool) -> None:
        self.take_calls(data.draw(st.sampled_from(self.sessions())), explicit)

    def take_calls(self, name: str, explicit: bool) -> None:
        shell = self.shell
        one = shell.world[name]
        before = len(shell.delivered)
        if not one.replaced:
            one.subscribed, one.explicit = True, explicit
        wanted = [
            call
            for call, model in self.living()
            if call not in one.deliveries
            and (model.left or (model.call.redelivery is Redelivery.UNANSWERED and one.kind != "poll"))
        ]
        shell.subscribe(name, explicit)
        self.expect(name, [] if one.replaced else wanted, before)

    @precondition(calm)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        if sessions := self.sessions():
            name = data.draw(st.sampled_from(sessions))
            self.shell.world[name].subscribed = False
            self.shell.unsubscribe(name)
            self.check_fail_fast()

    @precondition(calm)
    @rule(data=st.data(), clogged=st.booleans())
    def clog(self, data: st.DataObject, clogged: bool) -> None:
        if sessions := self.sessions():
            one = self.shell.world[data.draw(st.sampled_from(sessions))]
            one.clogged = clogged
            if not clogged:
                one.in_outbox.clear()

    @precondition(calm)
    @rule(data=st.data())
    def break_link(self, data: st.DataObject) -> None:
        if sessions := self.sessions():
            name = data.draw(st.sampled_from(sessions))
            self.shell.world[name].suspended = True
            self.shell.suspend(name)

    @precondition(with_broken)
    @rule(data=st.data(), subscribed=st.sampled_from([True, True, False]))
    def resume(self, data: st.DataObject, subscribed: bool) -> None:
        shell = self.shell
        if not (sessions := self.sessions(suspended=True) + self.sessions(suspended=True, ended=True)):
            return
        name = data.draw(st.sampled_from(sessions))
        one = shell.world[name]
        for call, state in list(one.deliveries.items()):  # hello settles what was under way
            if state not in ("unacked", "lost"):
                continue
            if call not in one.in_outbox and data.draw(st.booleans()):
                explicit = call in one.explicit_deliveries
                self.acknowledge(name, call, explicit)
            elif state == "unacked":
                shell.tell(one, call, "not sent")
                shell.not_written(name, call)
                shell.bury()
        if one.ended and not subscribed:
            return  # it ended for good
        waited = {call for call, _ in self.living()} if one.subscribed else set[str]()
        if one.ended:
            one.paused_until = 0  # nobody remembers the pause of a session that was given up
        one.ended = one.replaced = one.suspended = one.clogged = False
        one.in_outbox.clear()
        one.deliveries = {call: state for call, state in one.deliveries.items() if state != "lost"}
        one.subscribed = subscribed
        self.limit_sessions()
        open = tuple(shell.calls[call].request_id for call in one.deliveries)
        before = len(shell.delivered)
        shell.resume(name, one.epoch, one.kind, subscribed, one.explicit, one.slots, open)
        got = shell.delivered[before:]
        assert all(shell.model[call].living or call in got for call in got)
        wanted = [call for call, model in self.living() if (model.call and call in [*got, *waited]) or model.left]
        assert got == [call for call in wanted if call in got], "in the order of their coming"
        shell.bury()
        self.check_fail_fast()

    @precondition(lambda machine: machine.steps % 4 == 0)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """The device goes, or the suspension ends, or the worker of an ended session is lost."""
        shell = self.shell
        sessions = [name for name, one in shell.world.items() if not one.ended or "unacked" in one.deliveries.values()]
        if not sessions:
            return
        name = data.draw(st.sampled_from(sessions))
        one = shell.world[name]
        lost = one.suspended or one.ended
        one.ended = True
        one.subscribed = False
        for call, state in list(one.deliveries.items()):
            if state == "written":
                shell.tell(one, call, "unacknowledged")
            elif state == "unacked" and lost:
                shell.tell(one, call, "lost")
            elif state == "unacknowledged" or not shell.model[call].living:
                del one.deliveries[call]
        if lost:
            one.suspended = True
        shell.close(name)
        shell.bury()
        self.check_fail_fast()

    # --- deliveries ---

    def acknowledge(self, session: str, name: str, explicit: bool) -> None:
        one = self.shell.world[session]
        if not explicit:
            told = "delivered"
        elif one.ended:
            told = "unacknowledged"
        else:
            told = "written"
        self.shell.tell(one, name, told)
        self.shell.written(session, name)
        self.shell.bury()

    @precondition(with_unacked)
    @rule(data=st.data())
    def written(self, data: st.DataObject) -> None:
        if unacked := self.deliveries("unacked"):
            session, name = data.draw(st.sampled_from(unacked))
            self.acknowledge(session, name, name in self.shell.world[session].explicit_deliveries)

    @precondition(with_slots_held)
    @rule(data=st.data(), state=st.sampled_from(["delivered", "not-acknowledged", "not-sent"]))
    def report(self, data: st.DataObject, state: str) -> None:
        shell = self.shell
        reportable = self.deliveries("unacked") if state == "not-sent" else self.deliveries("unacked", "written")
        if state == "delivered":
            reportable = reportable + self.deliveries("unacknowledged")
        if not reportable:
            return
        session, name = data.draw(st.sampled_from(reportable))
        one = shell.world[session]
        if state != "not-sent" and name not in one.explicit_deliveries:
            return
        told = {"not-acknowledged": "unacknowledged", "not-sent": "not sent"}.get(state, state)
        shell.tell(one, name, told)
        if state == "not-sent" and one.taking and shell.model[name].living:
            one.paused_until = shell.now + RETRY_MS
        shell.report(session, name, state)
        shell.bury()

    @precondition(with_slots_held)
    @rule(data=st.data())
    def reply(self, data: st.DataObject) -> None:
        shell = self.shell
        known = [name for name, model in shell.model.items() if model.offered]
        if not known:
            return
        name = data.draw(st.sampled_from(known))
        model = shell.model[name]
        taken = model.living and model.state is not State.QUEUED
        waited_for = taken and not model.hung_up
        model.replied = model.replied or taken
        shell.log.clear()
        shell.reply(name)
        assert any(line.startswith("stray reply") for line in shell.log) == (not waited_for)
        if taken:
            model.living = False
        shell.bury()

    @rule(ms=st.sampled_from([1, 30, 60, 100, 1000, 3000]))
    def pass_time(self, ms: int) -> None:
        self.shell.tick(ms)
        self.shell.bury()

    # --- what always holds ---

    @invariant()
    def count_steps(self) -> None:
        self.steps += 1

    @invariant()
    def states_follow_from_facts(self) -> None:
        for name, model in self.living():
            assert (model.call.state, model.call.open) == (model.state, model.open), name

    @invariant()
    def exactly_the_living_are_held(self) -> None:
        assert self.shell.machine.pending == len(self.living())

    @invariant()
    def nobody_waits_without_cause(self) -> None:
        now = self.shell.now
        for one in self.shell.world.values():
            if one.taking and one.paused_until <= now and len(one.deliveries) < one.slots:
                assert not [name for name, model in self.living() if model.state is State.QUEUED]

    @invariant()
    def somebody_will_wake_it(self) -> None:
        if deadlines := [model.call.deadline_ms for _, model in self.living()]:
            assert self.shell.wake_at is not None
            assert self.shell.now < self.shell.wake_at <= min(deadlines)

    def teardown(self) -> None:
        if not hasattr(self, "shell"):
            return
        shell = self.shell
        for name, one in shell.world.items():
            if not one.suspended:
                shell.suspend(name)
            shell.world[name].ended = True
            for call, state in list(one.deliveries.items()):
                if state in OPEN:
                    shell.tell(one, call, "lost" if state == "unacked" else "unacknowledged")
            shell.close(name)
            shell.bury()
        shell.tick(60_000)
        assert shell.machine.idle
        assert all(len(ends) == 1 for ends in shell.ends.values()), "every call has exactly one outcome"


MachineAgainstModel.TestCase.settings = settings(max_examples=400, stateful_step_count=60, deadline=None)
TestMachineAgainstModel = MachineAgainstModel.TestCase
