"""How long one call may hold the others."""

from doubles.waiting_calls import stored_call

from trunkline.core.calls.turn_clock import STOPPED, TurnClock


def test_it_runs_on_for_the_same_call() -> None:
    clock = TurnClock(1000)
    call = stored_call(1)
    clock.run(call, False, False, 100)
    clock.run(call, False, False, 600)
    assert clock.due_at == 1100


def test_an_acknowledgement_and_another_call_begin_anew() -> None:
    clock = TurnClock(1000)
    clock.run(stored_call(1), False, False, 100)
    clock.run(stored_call(1), True, False, 600)
    assert clock.due_at == 1600
    clock.run(stored_call(2), True, False, 700)
    assert clock.due_at == 1700


def test_a_connection_begins_anew_and_a_poll_goes_on() -> None:
    clock = TurnClock(1000)
    call = stored_call(1)
    clock.run(call, True, True, 0)
    clock.stop(400)
    clock.stop(500)
    assert clock.due_at == STOPPED
    clock.run(call, True, True, 2000)
    assert clock.due_at == 2600
    clock.stop(2100)
    clock.run(call, True, False, 3000)
    assert clock.due_at == 4000


def test_without_such_a_call_nothing_is_remembered() -> None:
    clock = TurnClock(1000)
    clock.run(stored_call(1), True, True, 0)
    clock.clear()
    assert clock.due_at == STOPPED
    clock.run(stored_call(1), True, True, 500)
    assert clock.due_at == 1500
