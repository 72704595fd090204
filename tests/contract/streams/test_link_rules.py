"""What both ends of a link hold to together, whatever the network does.

At random the link is cut, either direction is held back, the core restarts, sessions open and end, devices talk and
calls are delivered. The books on either side must agree in the end: a call was written to its device exactly once if
the core believes so, and not at all if it does not; all that devices said was handled, once and in order by any one
core; replies to stored calls are told until they are stored; and nothing is left waiting.
"""

from collections import defaultdict
from collections.abc import Callable
from random import Random

import pytest
from doubles.link_books import FAR, Call, CoreBooks, WorkerBooks
from doubles.scripted_link import ScriptedLink, core_end
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.contract.streams.frames import DeliveryReport, DeviceCall, DeviceData, Unsubscribe
from trunkline.v1.transport_service_pb2 import Acknowledgement, DataKind, DeliveryState, SessionKind

IMPLIED = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
EXPLICIT = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS
ONE_SHOT = SessionKind.SESSION_KIND_ONE_SHOT
DELIVERED = DeliveryState.DELIVERY_STATE_DELIVERED
TELEMETRY = DataKind.DATA_KIND_TELEMETRY

STEPS = 150


class LinkUnderFire:
    """Every step is one thing that one side, the network or a device does."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.link = ScriptedLink()
        self.core = CoreBooks(self.link)
        self.worker = WorkerBooks(self.link)
        self.kinds: dict[int, SessionKind.ValueType] = {}
        self.said: dict[int, list[int]] = defaultdict(list)
        self.earlier: list[CoreBooks] = []
        self.data = 0
        self.calls = 0
        self.steps: dict[Callable[[], None], int] = {
            self.device_connects: 3,
            self.device_subscribes: 2,
            self.device_unsubscribes: 1,
            self.device_talks: 4,
            self.device_leaves: 1,
            self.device_acknowledges: 4,
            self.device_does_not_acknowledge: 1,
            self.device_replies: 5,
            self.buffers_fill_or_drain: 1,
            self.connections_get_fragile_or_solid: 1,
            self.core_admits: 4,
            self.core_delivers: 8,
            self.core_delivers_again: 6,
            self.core_takes_back: 1,
            self.core_stores_a_reply: 3,
            self.link_opens: 2,
            self.link_breaks: 1,
            self.some_moves: 10,
            self.all_moves: 2,
            self.time_passes: 3,
        }

    def run(self) -> None:
        for step in self.random.choices(list(self.steps), list(self.steps.values()), k=STEPS):
            step()
        self.end()

    def living(self) -> list[int]:
        return [session for session in self.kinds if session not in self.worker.over]

    # --- devices and their endpoint ---

    def device_connects(self) -> None:
        if len(self.living()) < 6:
            session = len(self.kinds) + 1
            self.kinds[session] = self.random.choice([ASYNCHRONOUS, ASYNCHRONOUS, ONE_SHOT])
            self.worker.open_session(session, self.kinds[session])
            if self.random.random() < 0.7:
                self.worker.subscribe(session, self.random.choice([IMPLIED, EXPLICIT]))

    def device_subscribes(self) -> None:
        if living := self.living():
            self.worker.subscribe(self.random.choice(living), self.random.choice([IMPLIED, EXPLICIT]))

    def device_unsubscribes(self) -> None:
        if living := self.living():
            self.link.worker.send(Unsubscribe(self.random.choice(living), True, False))

    def device_talks(self) -> None:
        if living := self.living():
            session = self.random.choice(living)
            self.data += 1
            self.said[session].append(self.data)
            payload = b"x" * self.random.choice([1, 1, 5_000])
            assert self.link.worker.send(DeviceData(session, self.data, TELEMETRY, payload))
            assert self.link.worker.send(DeviceCall(session, self.data, "m", b"{}", FAR))

    def device_leaves(self) -> None:
        if living := self.living():
            self.worker.end_session(self.random.choice(living))

    def device_acknowledges(self) -> None:
        if self.worker.open:
            request_id = self.random.choice(list(self.worker.open))
            session = self.worker.open.pop(request_id)
            self.link.worker.send(DeliveryReport(session, request_id, DELIVERED))

    def device_does_not_acknowledge(self) -> None:
        living = self.living()
        if open := [request_id for request_id, session in self.worker.open.items() if session in living]:
            self.worker.report_overdue(self.random.choice(open))

    def device_replies(self) -> None:
        living = self.living()
        if asked := [request_id for request_id, session in self.worker.unanswered.items() if session in living]:
            self.worker.reply(self.random.choice(asked))

    def buffers_fill_or_drain(self) -> None:
        self.worker.full = not self.worker.full

    def connections_get_fragile_or_solid(self) -> None:
        self.worker.fragile = not self.worker.fragile and self.random.random() < 0.3

    # --- the core ---

    def core_admits(self) -> None:
        if self.core.looking_up:
            self.core.admit(self.random.choice(list(self.core.looking_up)), good=self.random.random() < 0.8)

    def core_delivers(self) -> None:
        if sessions := self.core.deliverable():
            self.calls += 1
            self.core.deliver(self.calls, self.random.choice(sessions), self.random.choice([1, 1, 5_000]))

    def core_delivers_again(self) -> None:
        if calls := self.core.retriable():
            request_id = self.random.choice(calls)
            self.core.deliver(request_id, self.core.calls[request_id].session, 1)

    def core_takes_back(self) -> None:
        if self.calls:
            self.core.take_back(self.random.randint(1, self.calls))

    def core_stores_a_reply(self) -> None:
        if self.core.unstored:
            self.core.store(*self.random.choice(self.core.unstored))

    # --- the network and time ---

    def link_opens(self) -> None:
        if not self.link.open:
            if self.random.random() < 0.25:
                self.earlier.append(self.core)
                self.link.core = core_end(b"core-%11d" % len(self.earlier))
                self.core = CoreBooks(self.link, epoch=1000 * len(self.earlier))
            self.link.connect()

    def link_breaks(self) -> None:
        if self.link.open:
            self.link.cut()
            self.core.broken()
            self.handle()

    def some_moves(self) -> None:
        for move in self.random.choices(range(4), k=4) if self.link.open else ():
            if move == 0:
                self.link.worker_writes()
            elif move == 1:
                self.link.core_writes()
            elif move == 2 and self.link.up:
                self.link.core_reads()
            elif move == 3 and self.link.down:
                self.link.worker_reads()
            self.handle()

    def all_moves(self) -> None:
        moved = self.link.open
        while moved:
            moved = self.link.worker_writes() | self.link.core_writes()
            while self.link.up:
                self.link.core_reads()
                self.handle()
                moved = True
            while self.link.down:
                self.link.worker_reads()
                self.handle()
                moved = True

    def time_passes(self) -> None:
        self.link.now += self.random.choice([1, 19, 21])

    def handle(self) -> None:
        self.worker.handle(self.link.take_worker())
        self.core.handle(self.link.take_core())
        assert all(count <= 1 for count in self.worker.written.values()), "written twice"

    # --- what must hold ---

    def end(self) -> None:
        if not self.link.open:
            self.link.connect()
        self.all_moves()
        for session in list(self.core.looking_up):
            self.core.admit(session, good=True)
        self.all_moves()
        self.link.now += 1_000
        self.all_moves()
        self.check_calls()
        self.check_data()
        self.check_replies()
        open = {request_id for request_id, session in self.worker.open.items() if session in self.living()}
        assert open & self.worker.overdue <= self.core.unacknowledged, "this core waits for acknowledgements"
        assert set(self.living()) == set(self.core.sessions)
        assert not any(self.worker.asked[session] for session in self.living()), "a subscription was never answered"
        assert self.link.worker.unacked_bytes == 0
        assert not any(self.link.core.unacked(session) for session in self.kinds)
        assert not self.link.core.unheard_sessions()

    def check_calls(self) -> None:
        for request_id, call in self.core.calls.items():
            assert call.state != "sent", f"call {request_id}: nobody knows what became of it"
            assert self.worker.written[request_id] == (call.state == "written"), f"call {request_id}: {call}"
            if call.state == "written":
                assert self.worker.written_as[request_id] == call.sent_as

    def check_replies(self) -> None:
        while self.core.unstored:
            self.core.store(*self.core.unstored[0])
        self.all_moves()
        stored = {request_id for core in (*self.earlier, self.core) for request_id in core.stored}
        assert self.worker.answered == {request_id for request_id in stored if Call.durable(request_id)}
        assert self.link.worker.kept_replies == 0, "a reply was not told until it was stored"

    def check_data(self) -> None:
        cores = [*self.earlier, self.core]
        for session, said in self.said.items():
            heard = [core.heard[session] for core in cores]
            assert all(one == sorted(set(one)) for one in heard), f"session {session}: twice or out of order: {heard}"
            refused = any(session in core.refused for core in cores)
            unheard_of = self.kinds[session] == ASYNCHRONOUS and session not in self.worker.connected
            if not refused and not unheard_of:
                lost = set(said) - {one for core in cores for one in core.handled[session]}
                assert not lost, f"session {session}: lost {lost}"
        asked = [request for core in cores for request in core.asked]
        assert len(asked) == len(set(asked)), "a device call was handled by two cores"


@given(st.randoms(use_true_random=True))
@settings(max_examples=150, deadline=None)
def test_the_books_agree_in_the_end(random: Random) -> None:
    LinkUnderFire(random).run()


@pytest.mark.long
@given(st.randoms(use_true_random=True))
@settings(max_examples=10_000, deadline=None)
def test_the_books_agree_in_the_end_very_often(random: Random) -> None:
    LinkUnderFire(random).run()
