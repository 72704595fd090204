"""What both ends of a link hold to together, whatever the network does.

Hypothesis cuts the link, holds back either direction, restarts the core, opens and ends sessions, lets devices talk
and delivers calls. The books on either side must agree in the end: a call was written to its device exactly once if
the core believes so, and not at all if it does not; all that devices said was handled, once and in order by any one
core; and nothing is left waiting.
"""

from collections import defaultdict

from doubles.link_books import CoreBooks, WorkerBooks
from doubles.scripted_link import ScriptedLink, core_end
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline.contract.streams.frames import DeliveryReport, DeviceData, Unsubscribe
from trunkline.v1.transport_service_pb2 import Acknowledgement, DataKind, DeliveryState, SessionKind

IMPLIED = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
EXPLICIT = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS
ONE_SHOT = SessionKind.SESSION_KIND_ONE_SHOT
DELIVERED = DeliveryState.DELIVERY_STATE_DELIVERED
TELEMETRY = DataKind.DATA_KIND_TELEMETRY

PICK = st.integers(0, 1 << 16)
"""Chooses one of whatever there is to choose from."""


class LinkUnderFire(RuleBasedStateMachine):
    """Every step is one thing that one side, the network or a device does."""

    @initialize()
    def begin(self) -> None:
        self.link = ScriptedLink()
        self.core = CoreBooks(self.link)
        self.worker = WorkerBooks(self.link)
        self.kinds: dict[int, SessionKind.ValueType] = {}
        self.said: dict[int, list[int]] = defaultdict(list)
        self.earlier: list[CoreBooks] = []
        self.data = 0
        self.calls = 0

    def living(self) -> list[int]:
        return [session for session in self.kinds if session not in self.worker.over]

    # --- devices and their endpoint ---

    @rule(kind=st.sampled_from([ASYNCHRONOUS, ASYNCHRONOUS, ONE_SHOT]))
    def device_connects(self, kind: SessionKind.ValueType) -> None:
        session = len(self.kinds) + 1
        self.kinds[session] = kind
        self.worker.open_session(session, kind)

    @precondition(lambda self: self.living())
    @rule(pick=PICK, acknowledgement=st.sampled_from([IMPLIED, EXPLICIT]))
    def device_subscribes(self, pick: int, acknowledgement: Acknowledgement.ValueType) -> None:
        living = self.living()
        self.worker.subscribe(living[pick % len(living)], acknowledgement)

    @precondition(lambda self: self.living())
    @rule(pick=PICK)
    def device_unsubscribes(self, pick: int) -> None:
        living = self.living()
        self.link.worker.send(Unsubscribe(living[pick % len(living)], True, False))

    @precondition(lambda self: self.living())
    @rule(pick=PICK, large=st.booleans())
    def device_talks(self, pick: int, large: bool) -> None:
        living = self.living()
        session = living[pick % len(living)]
        self.data += 1
        self.said[session].append(self.data)
        assert self.link.worker.send(DeviceData(session, self.data, TELEMETRY, b"x" * (5_000 if large else 1)))

    @precondition(lambda self: self.living())
    @rule(pick=PICK)
    def device_leaves(self, pick: int) -> None:
        living = self.living()
        self.worker.end_session(living[pick % len(living)])

    @rule(full=st.booleans())
    def buffers_fill(self, full: bool) -> None:
        self.worker.full = full

    @precondition(lambda self: self.worker.open)
    @rule(pick=PICK)
    def device_acknowledges(self, pick: int) -> None:
        request_id = list(self.worker.open)[pick % len(self.worker.open)]
        session = self.worker.open.pop(request_id)
        self.link.worker.send(DeliveryReport(session, request_id, DELIVERED))

    # --- the core ---

    @precondition(lambda self: self.core.looking_up)
    @rule(pick=PICK, good=st.sampled_from([True, True, True, False]))
    def core_admits(self, pick: int, good: bool) -> None:
        asking = list(self.core.looking_up)
        self.core.admit(asking[pick % len(asking)], good=good)

    @precondition(lambda self: self.core.deliverable())
    @rule(pick=PICK, large=st.booleans())
    def core_delivers(self, pick: int, large: bool) -> None:
        sessions = self.core.deliverable()
        self.calls += 1
        self.core.deliver(self.calls, sessions[pick % len(sessions)], 5_000 if large else 1)

    @precondition(lambda self: self.core.retriable())
    @rule(pick=PICK)
    def core_delivers_again(self, pick: int) -> None:
        calls = self.core.retriable()
        request_id = calls[pick % len(calls)]
        self.core.deliver(request_id, self.core.calls[request_id].session, 1)

    @precondition(lambda self: self.calls)
    @rule(pick=PICK)
    def core_takes_back(self, pick: int) -> None:
        self.core.take_back(1 + pick % self.calls)

    @precondition(lambda self: not self.link.open)
    @rule()
    def core_restarts(self) -> None:
        self.earlier.append(self.core)
        self.link.core = core_end(b"core-%11d" % len(self.earlier))
        self.core = CoreBooks(self.link, epoch=1000 * len(self.earlier), calls={})

    # --- the network and time ---

    @precondition(lambda self: not self.link.open)
    @rule()
    def link_opens(self) -> None:
        self.link.connect()

    @precondition(lambda self: self.link.open)
    @rule()
    def link_breaks(self) -> None:
        self.link.cut()
        self.core.broken()
        self.handle()

    @precondition(lambda self: self.link.open)
    @rule()
    def all_moves(self) -> None:
        self.settle()

    @precondition(lambda self: self.link.open)
    @rule(steps=st.lists(st.sampled_from(["ww", "wr", "cw", "cr"]), min_size=1, max_size=6))
    def some_moves(self, steps: list[str]) -> None:
        for step in steps:
            if step == "ww":
                self.link.worker_writes()
            elif step == "cw":
                self.link.core_writes()
            elif step == "cr" and self.link.up:
                self.link.core_reads()
            elif step == "wr" and self.link.down:
                self.link.worker_reads()
            self.handle()

    @rule(ms=st.sampled_from([1, 19, 21]))
    def time_passes(self, ms: int) -> None:
        self.link.now += ms

    def handle(self) -> None:
        self.worker.handle(self.link.take_worker())
        self.core.handle(self.link.take_core())

    def settle(self) -> None:
        moved = True
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

    # --- what must hold ---

    @invariant()
    def no_call_is_written_twice(self) -> None:
        if hasattr(self, "worker"):
            assert all(count <= 1 for count in self.worker.written.values())

    def teardown(self) -> None:
        if not hasattr(self, "link"):
            return
        if not self.link.open:
            self.link.connect()
        self.settle()
        for session in list(self.core.looking_up):
            self.core.admit(session, good=True)
        self.settle()
        self.link.now += 1_000
        self.settle()
        self.check_calls()
        self.check_data()
        assert {session for session in self.living()} == set(self.core.sessions)
        assert self.link.worker.unacked_bytes == 0
        assert not any(self.link.core.unacked(session) for session in self.kinds)
        assert not self.link.core.unheard_sessions()

    def check_calls(self) -> None:
        for request_id, call in self.core.calls.items():
            assert call.state != "sent", f"call {request_id}: nobody knows what became of it"
            assert self.worker.written[request_id] == (call.state == "written"), f"call {request_id}: {call}"
            if call.state == "written":
                assert self.worker.written_as[request_id] == call.sent_as

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


LinkUnderFire.TestCase.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLinkUnderFire = LinkUnderFire.TestCase
