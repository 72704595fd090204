"""Calls are things, not values: two with the same content are two."""

from trunkline.core.calls.model import Call, State, Wants
from trunkline.v1.call_pb2 import CallKind


def a_call() -> Call:
    return Call(b"c", b"d", b"t", CallKind.CALL_KIND_TWO_WAY, "m", b"{}", 1000, None)


def test_calls_are_compared_by_identity() -> None:
    first, second = a_call(), a_call()
    assert first != second
    assert len({first, second}) == 2


def test_a_fresh_call_belongs_to_nobody() -> None:
    call = a_call()
    assert (call.state, call.wants, call.request_id, call.open) == (State.QUEUED, Wants.REPLY, 0, 0)
    assert not call.completed and call.ending is None
