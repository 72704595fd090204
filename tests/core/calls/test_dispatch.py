"""The steps a call takes, one at a time; whole histories are in scripts/ and test_machine.py."""

from trunkline.core.calls.deliveries import Delivery, Told
from trunkline.core.calls.dispatch import NEVER, Dispatch
from trunkline.core.calls.late import LateTable
from trunkline.core.calls.model import Call, Complete, Deliver, Effect, Ending, Fact, Noted, State, WakeAt, Withdraw
from trunkline.core.calls.sessions import Session
from trunkline.v1.call_pb2 import CallKind, Outcome, Step
from trunkline.v1.transport_service_pb2 import Acknowledgement, SessionKind

DEVICE = b"d" * 16


class Bench:
    """A dispatch with one subscribed session of two slots."""

    def __init__(self) -> None:
        self.late = LateTable()
        self.dispatch = Dispatch(DEVICE, self.late, 0)
        self.session = Session("s", 1, SessionKind.SESSION_KIND_ASYNCHRONOUS, 2)
        self.session.subscribe(Acknowledgement.ACKNOWLEDGEMENT_IMPLIED)
        self.dispatch.sessions.current["s"] = self.session
        self.effects: list[Effect] = []

    def hand(self, number: int, kind: CallKind.ValueType = CallKind.CALL_KIND_TWO_WAY, now: int = 0) -> Call:
        call = Call(b"c", DEVICE, b"t", kind, "m", b"", 1000, None, request_id=number)
        self.dispatch.calls[number] = call
        self.dispatch.hand(self.session, call, now, self.effects)
        return call


def test_calls_are_given_to_free_slots_and_the_last_one_is_prompt() -> None:
    bench = Bench()
    calls = [bench.hand(number) for number in range(3)]
    assert bench.effects == [Deliver("s", calls[0], False), Deliver("s", calls[1], True)]
    assert list(bench.session.waiting) == [2]
    assert [call.state for call in calls] == [State.OFFERED, State.OFFERED, State.QUEUED]


def test_a_pause_asks_to_be_woken_once() -> None:
    bench = Bench()
    bench.session.paused_until = 100
    bench.hand(1)
    bench.hand(2)
    assert bench.effects == [WakeAt(100)]
    assert bench.dispatch.armed == 100


def test_the_pump_stops_when_the_slots_are_full() -> None:
    bench = Bench()
    bench.session.paused_until = 100
    for number in range(3):
        bench.hand(number)
    bench.effects.clear()
    bench.dispatch.pump(bench.session, 100, bench.effects)
    assert [type(effect) for effect in bench.effects] == [Deliver, Deliver]
    assert list(bench.session.waiting) == [2]


def test_a_call_that_nobody_got_is_put_back() -> None:
    bench = Bench()
    call = bench.hand(1)
    del bench.session.deliveries[1]
    bench.effects.clear()
    bench.dispatch.learn(call, Told(Fact.NOT_SENT, True), bench.session, 0, bench.effects)
    assert bench.effects == [Noted(call, Step.STEP_NOT_SENT, "s"), Deliver("s", call, False)]
    assert (call.state, call.open) == (State.OFFERED, 1)


def test_the_last_answer_to_a_withdrawal_decides() -> None:
    bench = Bench()
    call = bench.hand(1)
    bench.effects.clear()
    bench.dispatch.release(call, Ending.EXPIRED, 1000, bench.effects)
    assert bench.effects == [Withdraw("s", 1)]
    assert call.ending is Ending.EXPIRED
    bench.effects.clear()
    bench.session.not_written(1)
    bench.dispatch.withdrawal_answered(call, True, 1000, bench.effects)
    (done,) = bench.effects
    assert isinstance(done, Complete) and done.outcome == Outcome.OUTCOME_EXPIRED
    assert not bench.dispatch.calls
    assert len(bench.late) == 0, "the device never saw it"


def test_a_sent_call_that_ends_without_its_reply_is_remembered() -> None:
    bench = Bench()
    call = bench.hand(1)
    assert bench.session.written(1) == Told(Fact.DELIVERED, True)
    bench.dispatch.learn(call, Told(Fact.DELIVERED, True), bench.session, 0, bench.effects)
    bench.dispatch.release(call, Ending.EXPIRED, 1000, bench.effects)
    assert (DEVICE, 1) in bench.late


def test_a_satisfied_caller_ends_the_call_while_its_slot_stays_held() -> None:
    bench = Bench()
    bench.session.offers_as = Delivery.EXPLICIT
    call = bench.hand(1, CallKind.CALL_KIND_ONE_WAY)
    call.wants = call.wants.SENDING
    told = bench.session.written(1)
    assert told is not None
    bench.dispatch.learn(call, told, bench.session, 0, bench.effects)
    assert bench.effects[-1] == Complete(call, Outcome.OUTCOME_SENT)
    assert bench.session.deliveries == {1: Delivery.WRITTEN}


def test_nobody_is_woken_before_something_waits() -> None:
    assert Bench().dispatch.armed == NEVER
