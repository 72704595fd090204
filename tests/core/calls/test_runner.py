import asyncio
from collections.abc import Callable
from typing import Self

from doubles.recording_caller import RecordingCaller
from doubles.recording_keeper import RecordingKeeper
from doubles.stored_calls import stored_call

from trunkline.contract.clock import monotonic_ms
from trunkline.core.calls.late import LateTable
from trunkline.core.calls.machine import DeviceCalls
from trunkline.core.calls.model import Call, Complete, Stray
from trunkline.core.calls.request_ids import RequestIds
from trunkline.core.calls.runner import CallRunner
from trunkline.core.journal.journal import Journal
from trunkline.core.metrics import Counters
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, SessionKind

LAMP = b"lamp............"
PUMP = b"pump............"
TENANT = b"tenant.........."


class ScriptedSession:
    """Notes what it is asked to do; as a session's, its handle and its worker's name are told in timelines."""

    handle = 1
    worker_id = "worker-1"

    def __init__(self) -> None:
        self.delivered: list[Call] = []
        self.closed: list[ErrorReason.ValueType] = []
        self.written = True
        """What it answers to a withdrawal."""
        self.fails = False

    @property
    def link(self) -> Self:
        return self

    def deliver(self, call: Call, prompt: bool) -> None:
        if self.fails:
            raise RuntimeError("a bug in the link")
        self.delivered.append(call)

    def withdraw(self, request_id: int) -> bool:
        return self.written

    def close(self, reason: ErrorReason.ValueType) -> None:
        self.closed.append(reason)


class Runs:
    """A runner, and the calls given to it."""

    def __init__(self, clock: Callable[[], int] = monotonic_ms) -> None:
        ids, late = RequestIds(1), LateTable()
        self.counters = Counters()
        self.clock = clock
        self.keeper = RecordingKeeper()
        self.runner = CallRunner(
            clock=clock,
            new_machine=lambda device_id: DeviceCalls(device_id, ids, late),
            counters=self.counters,
            journal=Journal(),
            keeper=self.keeper,
        )
        self._count = 0

    def accept(self, device_id: bytes = LAMP, *, timeout_ms: int = 10_000, fail_fast: bool = False) -> Call:
        self._count += 1
        caller = RecordingCaller()
        call = Call(
            self._count.to_bytes(16),
            device_id,
            TENANT,
            CallKind.CALL_KIND_TWO_WAY,
            "set",
            b"1",
            self.clock() + timeout_ms,
            caller,
            fail_fast,
        )
        caller.entered(call)
        assert self.runner.accept(call) is None
        return call

    def accept_stored(self, device_id: bytes = LAMP) -> Call:
        self._count += 1
        caller = RecordingCaller()
        call = stored_call(
            call_id=self._count.to_bytes(16),
            device_id=device_id,
            tenant_id=TENANT,
            deadline_ms=self.clock() + 10_000,
            owner=caller,
        )
        caller.entered(call)
        assert self.runner.accept(call) is None
        return call

    def store(self, device_id: bytes = LAMP) -> tuple[Call, RecordingCaller]:
        """A stored call whose turn has come, and who waits for its acceptance."""
        call = self.accept_stored(device_id)
        caller = call.owner
        assert isinstance(caller, RecordingCaller)
        self.runner.submit(call)
        return call, caller

    def call(self, device_id: bytes = LAMP, *, timeout_ms: int = 10_000, fail_fast: bool = False) -> RecordingCaller:
        call = self.accept(device_id, timeout_ms=timeout_ms, fail_fast=fail_fast)
        caller = call.owner
        assert isinstance(caller, RecordingCaller)
        self.runner.submit(call)
        return caller

    def session(self, device_id: bytes = LAMP) -> ScriptedSession:
        session, machine = ScriptedSession(), self.runner.machine(device_id)
        now = self.clock()
        asynchronous = SessionKind.SESSION_KIND_ASYNCHRONOUS
        self.runner.perform(device_id, machine.session_opened(session, 1, asynchronous, 16, now))
        implied = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
        self.runner.perform(device_id, machine.session_subscribed(session, implied, now))
        return session


def only(caller: RecordingCaller) -> Complete:
    (done,) = caller.outcomes
    return done


async def test_a_call_goes_to_its_session_and_back() -> None:
    runs = Runs()
    session = runs.session()
    caller = runs.call()
    (call,) = session.delivered
    machine = runs.runner.machine(LAMP)
    runs.runner.perform(LAMP, machine.replied(call.request_id, b"7", None, runs.clock()))
    assert (only(caller).outcome, only(caller).payload) == (Outcome.OUTCOME_SUCCEEDED, b"7")
    assert runs.runner.pending == 0


async def test_deadlines_are_kept_whatever_other_wake_ups_are_armed() -> None:
    runs = Runs()
    short, shorter, long = runs.call(timeout_ms=60), runs.call(PUMP, timeout_ms=30), runs.call(timeout_ms=60_000)
    runs.call(PUMP, timeout_ms=60_000)  # armed anew at the first wake-up, and later than the lamp's
    async with asyncio.timeout(10):
        await shorter.told.wait()
        await short.told.wait()
    assert only(short).outcome == only(shorter).outcome == Outcome.OUTCOME_EXPIRED
    assert not long.outcomes


async def test_a_machine_without_content_is_forgotten() -> None:
    runs = Runs()
    runs.call(fail_fast=True)
    assert runs.runner.known(LAMP) is None
    runs.call(timeout_ms=-1)
    assert runs.runner.known(LAMP) is None
    call = runs.accept()
    runs.runner.submit(call)
    assert runs.runner.known(LAMP) is not None
    runs.runner.hang_up(call)
    assert runs.runner.known(LAMP) is None
    expiring = runs.call(timeout_ms=20)
    async with asyncio.timeout(10):
        await expiring.told.wait()
    assert runs.runner.known(LAMP) is None
    runs.runner.delete(LAMP)


async def test_an_id_is_free_again_once_its_call_has_its_outcome() -> None:
    runs = Runs()
    call = runs.accept()
    same = Call(call.call_id, LAMP, TENANT, call.kind, "set", b"1", call.deadline_ms, RecordingCaller())
    assert runs.runner.accept(same) is call
    runs.runner.submit(call)
    runs.runner.hang_up(call)
    runs.runner.hang_up(call)  # of one that has its outcome: nothing
    assert runs.runner.accept(same) is None


async def test_a_call_hung_up_before_its_turn_is_never_submitted() -> None:
    runs = Runs()
    session = runs.session()
    call = runs.accept()
    caller = call.owner
    assert isinstance(caller, RecordingCaller)
    runs.runner.hang_up(call)
    runs.runner.submit(call)
    assert only(caller).outcome == Outcome.OUTCOME_CANCELLED
    assert not session.delivered and not runs.runner.pending


async def test_a_drain_answers_everybody_those_before_their_turn_too() -> None:
    runs = Runs()
    runs.session()
    sent, offline = runs.call(), runs.call(PUMP)
    waiting = runs.accept()
    caller = waiting.owner
    assert isinstance(caller, RecordingCaller)
    runs.runner.drain()
    assert only(sent).outcome == Outcome.OUTCOME_UNKNOWN
    for never_sent in (offline, caller):
        assert only(never_sent).reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
        assert only(never_sent).cause == Cause.CAUSE_CORE_DRAINING
    runs.runner.submit(waiting)
    assert len(caller.outcomes) == 1


async def test_a_withdrawal_decides_whether_a_call_was_sent() -> None:
    runs = Runs()
    session = runs.session()
    sent = runs.call(timeout_ms=20)
    async with asyncio.timeout(10):
        await sent.told.wait()
        assert only(sent).cause == Cause.CAUSE_NO_ACK_FROM_WORKER
        session.written = False
        unsent = runs.call(timeout_ms=20)
        await unsent.told.wait()
    assert only(unsent).cause == Cause.CAUSE_DEVICE_BUSY


async def test_a_deleted_device_loses_calls_and_sessions() -> None:
    runs = Runs()
    session = runs.session()
    caller = runs.call()
    runs.runner.delete(LAMP)
    assert only(caller).cause == Cause.CAUSE_DEVICE_DELETED
    assert session.closed == [ErrorReason.ERROR_REASON_DEVICE_DELETED]


async def test_an_effect_that_fails_costs_the_others_nothing() -> None:
    runs = Runs()
    session = runs.session()
    session.fails = True
    broken = runs.call(timeout_ms=50)  # its delivery fails; its deadline is armed behind that
    session.fails = False
    runs.call(timeout_ms=60_000)
    async with asyncio.timeout(10):
        await broken.told.wait()
    assert only(broken).outcome == Outcome.OUTCOME_EXPIRED
    assert len(session.delivered) == 1


async def test_stray_replies_are_counted_by_whoever_knows_better() -> None:
    runs = Runs()
    assert runs.runner.replied(LAMP, 5, b"", None, runs.clock()) is Stray.UNKNOWN
    assert not runs.counters._strays
    runs.runner.stray(LAMP, 5, b"", Stray.LATE)
    assert runs.counters._strays == {Stray.LATE: 1}


# --- stored calls ---


async def test_a_stored_call_is_told_of_and_delivered_once_it_is_committed() -> None:
    runs = Runs()
    session = runs.session()
    call, caller = runs.store()
    assert runs.keeper.kept == [call] and not caller.outcomes and not session.delivered
    runs.runner.stored(call, 1)
    assert only(caller).outcome == Outcome.OUTCOME_ACCEPTED
    assert session.delivered == [call]
    assert runs.runner.living_call(TENANT, call.call_id) is call


async def test_the_end_of_a_stored_call_is_told_once_it_is_committed() -> None:
    runs = Runs()
    runs.session()
    call, _ = runs.store()
    runs.runner.stored(call, 1)
    forgotten: list[Call] = []
    runs.runner.on_forgotten(forgotten.append)
    ends = [runs.runner.when_ended(call), runs.runner.when_ended(call)]
    ends.pop().cancel()  # one of those who wait leaves
    assert runs.runner.replied(LAMP, call.request_id, b"7", None, runs.clock()) is None
    assert call.keeping is not None
    assert not ends[0].done() and runs.runner.living.stored == 1
    runs.runner.stored(call, call.keeping.version)
    assert (await ends[0]).payload == b"7"
    assert forgotten == [call] and runs.runner.living.stored == len(runs.runner.living) == 0
    assert runs.runner.living_call(TENANT, call.call_id) is None


async def test_a_stored_call_whose_caller_leaves_goes_on() -> None:
    runs = Runs()
    session = runs.session()
    call, caller = runs.store()
    runs.runner.hang_up(call)
    assert only(caller).outcome == Outcome.OUTCOME_CANCELLED
    runs.runner.stored(call, 1)
    assert session.delivered == [call] and len(caller.outcomes) == 1
    before_its_turn = runs.accept_stored()
    runs.runner.hang_up(before_its_turn)
    runs.runner.submit(before_its_turn)
    assert runs.keeper.kept[-1] is before_its_turn


async def test_a_stored_call_that_is_not_stored_is_forgotten() -> None:
    runs = Runs()
    call, caller = runs.store()
    end = runs.runner.when_ended(call)
    runs.runner.not_stored(call, unknown=False)
    assert only(caller).reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    assert (await end).reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    assert not runs.runner.living and runs.runner.known(LAMP) is None


async def test_a_stored_call_of_which_nobody_can_tell_whether_it_is_stored() -> None:
    runs = Runs()
    call, caller = runs.store()
    runs.runner.not_stored(call, unknown=True)
    assert (only(caller).outcome, only(caller).cause) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_COMMIT_UNKNOWN)
    assert len(runs.runner.living) == 1
    runs.runner.not_stored(call, unknown=False)
    assert not runs.runner.living and len(caller.outcomes) == 1


async def test_a_dropped_call_is_answered_by_whoever_drops_it() -> None:
    runs = Runs()
    call, caller = runs.store()
    runs.runner.dropped(call)
    assert not runs.runner.living and not caller.outcomes and runs.runner.known(LAMP) is None
    runs.runner.answer(Complete(call, Outcome.OUTCOME_ACCEPTED))
    assert only(caller).outcome == Outcome.OUTCOME_ACCEPTED
    runs.runner.answer(Complete(call, Outcome.OUTCOME_ACCEPTED))
    assert len(caller.outcomes) == 1


async def test_a_call_gets_another_id() -> None:
    runs = Runs()
    call, _ = runs.store()
    old = call.call_id
    runs.runner.rename(call, b"another id......")
    assert runs.runner.living_call(TENANT, old) is None
    assert runs.runner.living_call(TENANT, b"another id......") is call
    assert runs.runner.living_calls() == [call]


async def test_cancelled_before_its_turn_and_after() -> None:
    runs = Runs()
    waiting, lightweight = runs.accept(), runs.call()
    caller = waiting.owner
    assert isinstance(caller, RecordingCaller)
    runs.runner.cancel(waiting)
    runs.runner.submit(waiting)
    assert lightweight.call is not None
    runs.runner.cancel(lightweight.call)
    for cancelled in (caller, lightweight):
        assert (only(cancelled).outcome, only(cancelled).cause) == (
            Outcome.OUTCOME_CANCELLED,
            Cause.CAUSE_CANCELLED,
        )
    assert not runs.runner.pending


async def test_a_removed_call_is_no_more_for_whoever_waits_for_its_end() -> None:
    runs = Runs()
    call, _ = runs.store()
    runs.runner.stored(call, 1)
    end = runs.runner.when_ended(call)
    runs.runner.remove(call)
    assert (await end).outcome == Outcome.OUTCOME_UNSPECIFIED
    assert runs.keeper.removed == [call] and not runs.runner.living and runs.runner.known(LAMP) is None


async def test_a_call_taken_up_is_fetched_when_its_device_comes() -> None:
    runs = Runs()
    call = stored_call(device_id=LAMP, tenant_id=TENANT, deadline_ms=runs.clock() + 10_000, taken_up=True)
    runs.runner.take_up(call)
    assert runs.runner.living.stored == 1 and runs.runner.living.of(TENANT) == 1
    session = runs.session()
    assert runs.keeper.fetched == [(call,)] and not session.delivered
    assert call.keeping is not None
    call.method, call.params, call.keeping.loaded = "set", b"1", True
    runs.runner.fetched((call,))
    assert session.delivered == [call]


async def test_stored_calls_outlive_a_drain() -> None:
    runs = Runs()
    call, caller = runs.store()
    runs.runner.drain()
    assert not caller.outcomes
    runs.runner.stored(call, 1)
    assert only(caller).outcome == Outcome.OUTCOME_ACCEPTED
