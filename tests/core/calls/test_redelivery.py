"""Who gets a call again: by its redelivery, its state, and whether a session has it."""

import pytest

from trunkline.core.calls.deliveries import Delivery
from trunkline.core.calls.model import Call, Ending, Redelivery, State
from trunkline.core.calls.redelivery import for_resumed, for_subscriber
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
