import asyncio
from collections.abc import Callable

from doubles.living_core import until
from doubles.recording_caller import RecordingCaller

from trunkline.contract.clock import monotonic_ms
from trunkline.core.calls.late import LateTable
from trunkline.core.calls.machine import DeviceCalls
from trunkline.core.calls.model import Call, Complete
from trunkline.core.calls.request_ids import RequestIds
from trunkline.core.calls.runner import CallRunner
from trunkline.core.metrics import Counters
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, SessionKind

LAMP = b"lamp............"
PUMP = b"pump............"
TENANT = b"tenant.........."


class ScriptedSession:
    """Notes what it is asked to do."""

    def __init__(self) -> None:
        self.delivered: list[Call] = []
        self.closed: list[ErrorReason.ValueType] = []
        self.written = True
        """What it answers to a withdrawal."""
        self.fails = False

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
        self.runner = CallRunner(
            clock=clock, new_machine=lambda device_id: DeviceCalls(device_id, ids, late), counters=self.counters
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


async def test_stray_replies_are_counted() -> None:
    runs = Runs()
    runs.runner.perform(LAMP, runs.runner.machine(LAMP).replied(5, b"", None, runs.clock()))
    await until(lambda: runs.counters._strays)
