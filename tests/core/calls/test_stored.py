"""Stored calls against a model under arbitrary histories: every kind, strategy and redelivery, commits that come late,
in part or not at all, cancels, removals, and cores that start anew with rows that do not tell all.

Stories a person can read are in scripts/.
"""

from collections.abc import Callable
from typing import Final

import hypothesis.strategies as st
from doubles.stored_world import OPEN, Connection, Packet, Stored, StoredWorld
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline.core.calls.machine import RETRY_MS
from trunkline.core.calls.model import Redelivery, State, Strategy

RESPONSE_MS: Final = 4000


class StoredCallsAgainstModel(RuleBasedStateMachine):
    """Random histories of one device. What would do nothing is left out, so that histories go deep."""

    steps = 0

    @initialize(
        sessions=st.integers(1, 2),
        close_sessions=st.booleans(),
        subscribed=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([True, True, False])), min_size=1, max_size=2),
    )
    def start(self, sessions: int, close_sessions: bool, subscribed: list[tuple[int, bool]]) -> None:
        self.limit = sessions
        self.shell = StoredWorld(sessions=sessions, close_sessions=close_sessions)
        self.epoch = 0
        for slots, explicit in subscribed:
            self.begin("asynchronous", slots)
            self.take_calls(f"s{self.epoch}", explicit)

    # --- what the histories choose from ---

    def sessions(self, *, suspended: bool = False) -> list[str]:
        world = self.shell.world.items()
        return [name for name, one in world if one.suspended == suspended and not one.ended]

    def packets(self, *states: str) -> list[tuple[str, Packet]]:
        """Packets of which the worker can tell something now; of each call and session the latest."""
        found = []
        for session, one in self.shell.world.items():
            latest = {packet.name: packet for packet in one.packets}
            if not one.suspended:
                found += [(session, packet) for packet in latest.values() if packet.state in states]
        return [(session, packet) for session, packet in found if not packet.in_outbox]

    def living(self) -> list[tuple[str, Stored]]:
        return [(name, model) for name, model in self.shell.model.items() if model.living and not model.gone]

    # --- a device at work ---

    @rule(data=st.data(), count=st.integers(3, 12))
    def work(self, data: st.DataObject, count: int) -> None:
        """What happens all the time, so that histories go deep: rules alone would hardly come to a second retry."""
        for _ in range(count):
            data.draw(st.sampled_from(self._possible(data)))()
            self.check()

    def _possible(self, data: st.DataObject) -> list[Callable[[], None]]:
        def submit() -> None:
            draw = data.draw
            self.submit(
                one_way=draw(st.booleans()),
                strategy=draw(st.sampled_from(Strategy)),
                redelivery=draw(st.sampled_from(Redelivery)),
                retries=draw(st.integers(0, 2)),
                timeout=60_000,
                commit=draw(st.booleans()),
            )

        def report() -> None:
            self.report(data=data, state=data.draw(st.sampled_from(["not-acknowledged", "delivered"])))

        possible: list[Callable[[], None]] = [lambda: self.pass_time(ms=data.draw(st.sampled_from([500, 1000, 2000])))]
        if not any(one.taking for one in self.shell.world.values()):
            possible += [lambda: self.open(kind="asynchronous", slots=2, explicit=data.draw(st.booleans()))] * 2
        if len(self.living()) < 4:
            possible.append(submit)
        if self.uncommitted():
            possible.append(lambda: self.commit(data=data))
        if self.packets("unacked"):
            possible += [lambda: self.written(data=data)] * 2
        if self.packets("unacked", "written", "timed out"):
            possible += [report] * 2
        if self.shell.wanted:
            possible.append(self.fetched)
        return possible

    def check(self) -> None:
        """What always holds."""
        self.states_follow_from_what_was_told()
        self.what_must_end_has_ended()
        self.what_may_go_has_gone()
        self.nobody_is_held_for_good()
        self.bodies_stay_in_the_store()
        self.somebody_will_wake_it()

    # --- callers ---

    @precondition(lambda machine: len(machine.living()) < 6)
    @rule(
        one_way=st.booleans(),
        strategy=st.sampled_from(Strategy),
        redelivery=st.sampled_from(Redelivery),
        retries=st.integers(0, 2),
        timeout=st.sampled_from([60_000, 60_000, 60_000, 60_000, 8000, 1000, 0]),
        commit=st.sampled_from([True, True, False]),
    )
    def submit(
        self, one_way: bool, strategy: Strategy, redelivery: Redelivery, retries: int, timeout: int, commit: bool
    ) -> None:
        name = f"c{len(self.shell.calls)}"
        self.shell.call(
            name,
            one_way=one_way,
            timeout_ms=timeout,
            redelivery=redelivery,
            strategy=strategy,
            retries=retries,
        )
        assert not self.shell.ends[name], "nobody hears of a call that is not committed"
        if commit:
            self.commit_one(name, self.shell.kept[name])

    @precondition(lambda machine: machine.steps % 5 == 0)
    @rule()
    def submit_lightweight(self) -> None:
        shell = self.shell
        if any(one.taking and one.kind == "poll" for one in shell.world.values()):
            return  # it would take the poll
        before = len(shell.log)
        name = f"c{len(shell.calls)}"
        free = [one for one in shell.world.values() if one.taking and one.used < one.slots]
        free = [one for one in free if one.paused_until <= shell.now]
        shell.call(name, timeout_ms=3000)
        delivered = [line for line in shell.log[before:] if line.startswith(f"deliver {name} ")]
        assert len(delivered) == len(free), "stored calls never hold a lightweight one"

    def uncommitted(self) -> list[str]:
        models = self.shell.model.items()
        return [name for name, model in models if model.committed < self.shell.kept[name] and not model.over]

    @precondition(lambda machine: machine.uncommitted())
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.uncommitted()))
        model, latest = self.shell.model[name], self.shell.kept[name]
        self.commit_one(name, data.draw(st.sampled_from([latest, latest, model.committed + 1])))

    def commit_one(self, name: str, version: int) -> None:
        model = self.shell.model[name]
        model.committed = max(model.committed, version)
        self.shell.stored(name, version)
        if model.gone:
            return
        assert self.shell.ends[name] or model.taken_up, "its submitter has heard"
        over = not model.living and version >= model.keeping.end_version
        assert len(self.shell.finished[name]) == over

    @precondition(lambda machine: machine.steps % 3 == 0)
    @rule(data=st.data(), unknown=st.booleans())
    def store_fails(self, data: st.DataObject, unknown: bool) -> None:
        models = self.shell.model.items()
        names = [name for name, model in models if not (model.committed or model.gone or model.over)]
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        model = self.shell.model[name]
        if unknown:
            model.doomed = True
        else:
            model.gone = True
            self.shell.forget(name)
        self.shell.not_stored(name, unknown)
        assert len(self.shell.ends[name]) == 1

    @precondition(lambda machine: machine.steps % 5 == 0)
    @rule(data=st.data(), committed=st.booleans())
    def vanish(self, data: st.DataObject, committed: bool) -> None:
        """Its id turns out to be another call's; or somebody removes it."""
        models = [(name, model) for name, model in self.shell.model.items() if not (model.gone or model.over)]
        names = [name for name, model in models if bool(model.committed) == committed]
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        self.shell.model[name].gone = True
        self.shell.forget(name)
        (self.shell.remove if committed else self.shell.drop)(name)

    @precondition(lambda machine: machine.steps % 3 == 0)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if not (names := [name for name, model in self.living() if not model.doomed]):
            return
        name = data.draw(st.sampled_from(names))
        model = self.shell.model[name]
        with_worker = self.shell.state(name) is State.OFFERED
        model.cancelled = True
        self.shell.unqueue(name)
        self.shell.cancel(name)
        assert with_worker or not model.living, "at once, unless its worker has to say"

    @precondition(lambda machine: machine.steps % 5 == 0)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        if names := [name for name, model in self.shell.model.items() if not (model.gone or model.over)]:
            name = data.draw(st.sampled_from(names))
            living = self.shell.model[name].living
            self.shell.hang_up(name)
            assert self.shell.model[name].living == living, "no cancel"

    @precondition(lambda machine: machine.shell.wanted)
    @rule()
    def fetched(self) -> None:
        self.shell.fetched()

    # --- sessions ---

    @precondition(lambda machine: not machine.sessions() or machine.steps % 5 == 0)
    @rule(
        kind=st.sampled_from(["asynchronous", "asynchronous", "poll"]), slots=st.integers(1, 3), explicit=st.booleans()
    )
    def open(self, kind: str, slots: int, explicit: bool) -> None:
        self.begin(kind, slots)
        self.take_calls(f"s{self.epoch}", explicit and kind != "poll")

    def begin(self, kind: str, slots: int) -> None:
        self.epoch += 1
        name = f"s{self.epoch}"
        self.shell.world[name] = Connection(self.epoch, kind, slots)
        self.limit_sessions()
        self.shell.open(name, self.epoch, kind, slots)

    def limit_sessions(self) -> None:
        world = self.shell.world.values()
        counted = [one for one in world if one.kind == "asynchronous" and one.known]
        counted = sorted((one for one in counted if not one.replaced and not one.ended), key=lambda one: one.epoch)
        for one in counted[: max(0, len(counted) - self.limit)]:
            one.replaced, one.subscribed = True, False
            one.owed.clear()

    @precondition(lambda machine: machine.steps % 2 == 0 and machine.sessions())
    @rule(data=st.data(), explicit=st.sampled_from([True, True, False]))
    def subscribe(self, data: st.DataObject, explicit: bool) -> None:
        name = data.draw(st.sampled_from(self.sessions()))
        self.take_calls(name, explicit and self.shell.world[name].kind != "poll")

    def take_calls(self, name: str, explicit: bool) -> None:
        one = self.shell.world[name]
        if not one.replaced:
            one.subscribed, one.explicit = True, explicit
            one.owed = self.shell.owed_to_subscriber(one)
        self.shell.subscribe(name, explicit)

    @precondition(lambda machine: machine.steps % 3 == 0)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        if sessions := self.sessions():
            name = data.draw(st.sampled_from(sessions))
            one = self.shell.world[name]
            one.subscribed = False
            one.owed.clear()
            self.shell.unsubscribe(name)

    @precondition(lambda machine: machine.steps % 3 == 0)
    @rule(data=st.data(), clogged=st.booleans())
    def clog(self, data: st.DataObject, clogged: bool) -> None:
        if sessions := self.sessions():
            one = self.shell.world[data.draw(st.sampled_from(sessions))]
            one.clogged = clogged
            for packet in one.packets if not clogged else ():
                packet.in_outbox = False

    @precondition(lambda machine: machine.steps % 3 == 0)
    @rule(data=st.data())
    def break_link(self, data: st.DataObject) -> None:
        if sessions := self.sessions():
            name = data.draw(st.sampled_from(sessions))
            self.shell.world[name].suspended = True
            self.shell.suspend(name)

    @precondition(lambda machine: any(one.suspended for one in machine.shell.world.values()))
    @rule(data=st.data(), subscribed=st.sampled_from([True, True, False]))
    def resume(self, data: st.DataObject, subscribed: bool) -> None:
        shell = self.shell
        broken = [name for name, one in shell.world.items() if one.suspended]
        name = data.draw(st.sampled_from(broken))
        one = shell.world[name]
        for packet in [packet for packet in one.packets if packet.state in ("unacked", "lost")]:  # hello settles these
            if packet not in one.packets:
                continue
            if not packet.in_outbox and data.draw(st.booleans()):
                self.acknowledge(name, packet)
            elif packet.state == "unacked":
                shell.settle(one, packet, "not sent")
                shell.not_written(name, packet.name)
        if one.ended and not subscribed:
            return  # it is over for good
        one.packets = [packet for packet in one.packets if packet.state != "lost"]
        one.ended = False
        one.suspended = one.clogged = one.replaced = False
        one.subscribed = subscribed
        for packet in one.packets:
            model = shell.model.get(packet.name)
            if not one.known and model is not None and model.living:
                if model.overdue:
                    packet.state = "timed out"
                else:
                    packet.state = "written"
                    model.told.append("written")
        one.known = True
        self.limit_sessions()
        one.owed = shell.owed_to_resumed(one) if one.subscribed and not one.replaced else set()
        open = tuple(shell.calls[packet.name].request_id for packet in one.packets)
        shell.resume(name, one.epoch, one.kind, subscribed, one.explicit, one.slots, open)

    @precondition(lambda machine: machine.steps % 3 == 0)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """The device goes, or the suspension ends, or the worker of an ended session is lost."""
        shell = self.shell
        world = shell.world.items()
        names = [
            name
            for name, one in world
            if one.known and (not one.ended or any(p.state == "unacked" for p in one.packets))
        ]
        if names:
            self.close_one(data.draw(st.sampled_from(names)))

    def close_one(self, name: str) -> None:
        shell = self.shell
        one = shell.world[name]
        lost = one.suspended or one.ended
        one.ended, one.subscribed, one.paused_until = True, False, 0
        one.owed.clear()
        told = []
        for packet in list(one.packets):
            if packet.state == "written":
                one.packets.remove(packet)
                told.append((packet.name, "unacknowledged"))
            elif packet.state == "unacked" and lost:
                packet.state = "lost"
                told.append((packet.name, "lost"))
            elif packet.state == "timed out" or not self.is_living(packet.name):
                one.packets.remove(packet)
        if lost:
            one.suspended = True
        for call, fact in told:
            self.tell(call, fact)
        shell.close(name)

    def is_living(self, name: str) -> bool:
        model = self.shell.model.get(name)
        return name in self.shell.names.values() and model is not None and model.living

    @precondition(lambda machine: machine.steps % 5 == 0)
    @rule(data=st.data())
    def restart(self, data: st.DataObject) -> None:
        """The core dies, and what it had not committed may be lost; workers and devices live on."""
        shell = self.shell
        versions = {}
        for name, model in shell.model.items():
            if model.gone:
                continue
            if model.over:
                versions[name] = model.committed
                continue
            choices = {model.committed, shell.kept[name]}
            versions[name] = data.draw(st.sampled_from(sorted(choices)))
        self.starts += 1
        survivors = {}
        for name, one in shell.world.items():
            if one.ended or one.replaced or one.kind == "poll" or not one.known:
                continue
            survivors[name] = one
            one.suspended, one.known, one.clogged, one.paused_until = True, False, False, 0
            one.owed.clear()
            named: dict[str, Packet] = {}
            for packet in one.packets:
                reached = not packet.in_outbox and packet.state != "lost"
                if packet.state == "unacked":
                    reached = reached and packet.explicit and data.draw(st.booleans())
                if reached:
                    named[packet.name] = packet
            one.packets = list(named.values())
            for packet in one.packets:
                packet.state = "timed out"  # as far as the new core knows
        shell.world = survivors
        shell.restart(self.starts, versions)
        shell.tick(0)  # some may have expired meanwhile

    starts = 1

    @precondition(lambda machine: machine.starts > 1)
    @rule(data=st.data(), delivered=st.booleans())
    def report_again(self, data: st.DataObject, delivered: bool) -> None:
        """A worker's report of what it got from the last core comes once more."""
        shell = self.shell
        inherited = [name for name, model in self.living() if model.taken_up]
        sessions = [name for name in self.sessions() if shell.world[name].known]
        if not inherited or not sessions:
            return
        name, session = data.draw(st.sampled_from(inherited)), data.draw(st.sampled_from(sessions))
        if shell.world[session].of(name):
            return
        model = shell.model[name]
        if model.inherited and delivered:
            shell.tell(name, "delivered")
        elif model.inherited and not model.overdue and not shell.count_open(name):
            shell.tell(name, "unacknowledged", timed_out=True)
        shell.report(session, name, "delivered" if delivered else "not-acknowledged")

    # --- deliveries ---

    def tell(self, name: str, fact: str, *, timed_out: bool = False) -> None:
        if name in self.shell.model:
            self.shell.tell(name, fact, timed_out=timed_out)

    def acknowledge(self, session: str, packet: Packet) -> None:
        shell = self.shell
        one = shell.world[session]
        lost = packet.state == "lost"
        if not packet.explicit:
            shell.settle(one, packet, "delivered")
        elif lost and self.is_living(packet.name) and shell.state(packet.name) is State.QUEUED:
            shell.free(one, packet)  # of a time before it was put back
        elif one.ended:
            shell.settle(one, packet, "unacknowledged")
        else:
            packet.state = "written"
            self.tell(packet.name, "written")
        shell.written(session, packet.name)

    @precondition(lambda machine: machine.packets("unacked"))
    @rule(data=st.data())
    def written(self, data: st.DataObject) -> None:
        self.acknowledge(*data.draw(st.sampled_from(self.packets("unacked"))))

    @precondition(lambda machine: machine.packets("unacked", "written", "timed out"))
    @rule(data=st.data(), state=st.sampled_from(["not-acknowledged", "not-acknowledged", "delivered", "not-sent"]))
    def report(self, data: st.DataObject, state: str) -> None:
        shell = self.shell
        states = {"not-sent": ("unacked",), "delivered": (*OPEN, "timed out")}.get(state, OPEN)
        packets = [
            (session, packet) for session, packet in self.packets(*states) if packet.explicit or state == "not-sent"
        ]
        if not packets:
            return
        session, packet = data.draw(st.sampled_from(packets))
        one = shell.world[session]
        if state == "not-acknowledged":
            if one.ended:
                one.packets.remove(packet)
            packet.state = "timed out"
            self.tell(packet.name, "unacknowledged", timed_out=True)
        else:
            shell.settle(one, packet, "delivered" if state == "delivered" else "not sent")
        if state == "not-sent" and one.taking and shell.machine.find(shell.calls[packet.name].request_id):
            if packet.name not in shell.model or shell.model[packet.name].living:
                one.paused_until = shell.now + RETRY_MS
        shell.report(session, packet.name, state)

    @precondition(lambda machine: machine.steps % 3 == 0 and machine.living())
    @rule(data=st.data(), error=st.sampled_from([False, False, True]))
    def reply(self, data: st.DataObject, error: bool) -> None:
        shell = self.shell
        models = shell.model.items()
        names = [name for name, model in models if model.committed and not model.doomed and not model.over]
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        model = shell.model[name]
        taken = model.living and (model.taken_up or shell.state(name) is not State.QUEUED)
        if model.living and not taken:
            return  # nobody has told the device of it
        if taken:
            model.replied, model.failed_reply = True, error
        shell.log.clear()
        if error:
            shell.reply_error(name, "no JSON")
        else:
            shell.reply(name)
        assert model.living is False
        assert any(line.startswith("stray reply") for line in shell.log) == (not taken)

    # --- time ---

    @rule(ms=st.sampled_from([500, 1, 100, 1000, 3000]))
    def pass_time(self, ms: int) -> None:
        self.shell.tick(ms)

    # --- what always holds ---

    @invariant()
    def all_is_well(self) -> None:
        self.steps += 1
        self.check()

    def states_follow_from_what_was_told(self) -> None:
        for name, model in self.living():
            if model.doomed:
                continue
            assert model.call.state is self.shell.state(name), name
            if model.committed:
                assert model.call.open == self.shell.count_open(name), name
                assert model.keeping.timeouts == model.timeouts, name
                assert model.keeping.row_state == self.shell.row(name), name

    def what_must_end_has_ended(self) -> None:
        shell = self.shell
        for name, model in self.living():
            if model.doomed:
                continue
            assert shell.now < model.call.deadline_ms
            if model.committed:
                state = shell.state(name)
                assert not (state is State.DELIVERED and model.call.wants == "delivery")
                never = model.call.redelivery is Redelivery.NEVER
                assert not (state is State.UNSURE and never and not shell.count_open(name))
                assert model.timeouts <= model.keeping.max_retries

    def what_may_go_has_gone(self) -> None:
        shell = self.shell
        shell.owe()
        for one in shell.world.values():
            free = one.taking and one.paused_until <= shell.now and one.used < one.slots
            if free and one.owed:
                first = min(one.owed, key=shell.ordinal)
                body_comes = not shell.model[first].keeping.loaded and shell.wanted
                assert shell.is_held(first) or body_comes, first

    def nobody_is_held_for_good(self) -> None:
        assert self.shell.stuck is None or self.shell.stuck_for() < RESPONSE_MS

    def bodies_stay_in_the_store(self) -> None:
        if any(one.taking for one in self.shell.world.values()):
            return
        for name, model in self.living():
            has_packet = any(one.of(name) for one in self.shell.world.values() if not one.ended or one.of(name, *OPEN))
            if model.committed and not model.doomed and not has_packet:
                assert (model.call.method, model.call.params, model.keeping.loaded) == ("", b"", False)

    def somebody_will_wake_it(self) -> None:
        times = [model.call.deadline_ms for _, model in self.living() if not model.doomed]
        times += [model.retry_at for _, model in self.living() if model.overdue and model.retry_at > self.shell.now]
        if times:
            assert self.shell.wake_at is not None
            assert self.shell.now < self.shell.wake_at <= min(times)

    def teardown(self) -> None:
        if not hasattr(self, "shell"):
            return
        shell = self.shell
        for name, one in shell.world.items():
            if one.known:
                one.suspended = True
                shell.suspend(name)
                self.close_one(name)
        shell.tick(120_000)
        for name in self.uncommitted():
            self.commit_one(name, shell.kept[name])
        for name in self.uncommitted():  # a doomed call has ended only now
            self.commit_one(name, shell.kept[name])
        assert shell.machine.idle
        for name, model in shell.model.items():
            assert model.gone or model.over or len(shell.finished[name]) == 1, "every stored call has exactly one end"


StoredCallsAgainstModel.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestStoredCallsAgainstModel = StoredCallsAgainstModel.TestCase
