"""Who gets a call again: by its redelivery, its state, and whether a session has it."""

from collections.abc import Callable

import pytest
from doubles.waiting_calls import stored_call

from trunkline.core.calls.deliveries import Delivery
from trunkline.core.calls.model import Call, Ending, Redelivery, State
from trunkline.core.calls.redelivery import for_resumed, for_subscriber, stored_for_resumed, stored_for_subscriber
from trunkline.core.calls.sessions import Session
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.transport_service_pb2 import SessionKind


def calls_in_all_states(redelivery: Redelivery, open: int = 0) -> dict[int, Call]:
    return {
        number: Call(
            b"c", b"d", b"t", CallKind.CALL_KIND_TWO_WAY, "m", b"", 1, None,
            redelivery=redelivery, request_id=number, state=state, open=open,
        )
        for number, state in enumerate(State)
    }  # fmt: skip  # one argument a line says less


def a_session(kind: SessionKind.ValueType = SessionKind.SESSION_KIND_ASYNCHRONOUS) -> Session:
    return Session("s", 1, kind, 16)


def states(calls: dict[int, Call]) -> list[State]:
    return [call.state for call in calls.values()]


LEFT = [State.QUEUED, State.UNSURE, State.UNACKNOWLEDGED]


@pytest.mark.parametrize(
    ("redelivery", "expected"),
    [
        (Redelivery.UNANSWERED, list(State)),
        (Redelivery.UNDELIVERED, LEFT),
        (Redelivery.NEVER, [State.QUEUED]),
    ],
)
def test_a_subscriber_gets_what_redelivery_says(redelivery: Redelivery, expected: list[State]) -> None:
    assert states(for_subscriber(calls_in_all_states(redelivery), a_session())) == expected


def test_what_another_session_has_is_only_given_again_if_all_unanswered_calls_are() -> None:
    assert states(for_subscriber(calls_in_all_states(Redelivery.UNANSWERED, open=1), a_session())) == list(State)
    assert states(for_subscriber(calls_in_all_states(Redelivery.UNDELIVERED, open=1), a_session())) == []


def test_a_poll_is_no_return_of_the_device() -> None:
    poll = a_session(SessionKind.SESSION_KIND_SYNCHRONOUS)
    assert states(for_subscriber(calls_in_all_states(Redelivery.UNANSWERED), poll)) == LEFT


def test_a_resumed_session_gets_what_waits_and_what_waited_for_it() -> None:
    calls = calls_in_all_states(Redelivery.UNANSWERED)
    session = a_session()
    assert states(for_resumed(calls, session)) == LEFT
    delivered = next(number for number, call in calls.items() if call.state is State.DELIVERED)
    session.waiting[delivered] = calls[delivered]
    assert states(for_resumed(calls, session)) == [*LEFT, State.DELIVERED]


def test_nothing_is_given_that_the_session_has_or_that_is_about_to_end() -> None:
    calls = calls_in_all_states(Redelivery.UNANSWERED)
    session = a_session()
    session.deliveries = dict.fromkeys(calls, Delivery.WRITTEN)
    assert for_subscriber(calls, session) == for_resumed(calls, session) == {}
    session.deliveries = {}
    for call in calls.values():
        call.ending = Ending.EXPIRED
    assert for_subscriber(calls, session) == for_resumed(calls, session) == {}


def stored_in_all_states(redelivery: Redelivery, open: int = 0) -> list[Call]:
    states = [state for state in State if state is not State.STORING]
    return [stored_call(number, state=state, redelivery=redelivery, open=open) for number, state in enumerate(states)]


def given(calls: list[Call], decide: Callable[[Call, Session, bool], bool], session: Session) -> list[State]:
    return [call.state for call in calls if decide(call, session, call.state is State.QUEUED and not call.open)]


@pytest.mark.parametrize(
    ("redelivery", "fresh", "resumed"),
    [
        (Redelivery.UNANSWERED, [state for state in State if state is not State.STORING], LEFT),
        (Redelivery.UNDELIVERED, [State.QUEUED, State.UNSURE, State.SENT, State.UNACKNOWLEDGED], LEFT),
        (Redelivery.NEVER, [State.QUEUED], [State.QUEUED]),
    ],
)
def test_stored_calls_that_nobody_has(redelivery: Redelivery, fresh: list[State], resumed: list[State]) -> None:
    calls = stored_in_all_states(redelivery)
    assert given(calls, stored_for_subscriber, a_session()) == fresh
    assert given(calls, stored_for_resumed, a_session()) == resumed


def test_a_stored_call_that_is_with_another_session_is_only_given_again_if_all_unanswered_ones_are() -> None:
    unanswered, undelivered = (
        stored_in_all_states(redelivery, open=1) for redelivery in (Redelivery.UNANSWERED, Redelivery.UNDELIVERED)
    )
    assert len(given(unanswered, stored_for_subscriber, a_session())) == len(unanswered)
    assert given(undelivered, stored_for_subscriber, a_session()) == []
    assert given(unanswered, stored_for_resumed, a_session()) == []


def test_a_retry_waits_for_its_time_where_the_call_timed_out_and_after_a_break() -> None:
    call = stored_call(1, state=State.UNACKNOWLEDGED)
    assert call.keeping is not None
    call.keeping.overdue = True
    session = a_session()
    assert not stored_for_resumed(call, session, False)
    assert stored_for_subscriber(call, session, False), "a device that comes anew need not wait"
    session.deliveries = {1: Delivery.UNACKNOWLEDGED}
    assert not stored_for_subscriber(call, session, False)
    for decide in (stored_for_subscriber, stored_for_resumed):
        assert decide(call, session, True), "its time has come"
        call.ending = Ending.CANCELLED
        assert not decide(call, session, True)
        call.ending = None
        session.deliveries = {1: Delivery.WRITTEN}
        assert not decide(call, session, True)
        session.deliveries = {1: Delivery.UNACKNOWLEDGED}
