import pytest
from doubles.told_calls import LAMP, TENANT

from trunkline.core.journal.ring import CallEvent, Ring
from trunkline.v1.call_pb2 import CallKind, CallState


def event(number: int) -> CallEvent:
    kind, state = CallKind.CALL_KIND_TWO_WAY, CallState.CALL_STATE_QUEUED
    return CallEvent(number, TENANT, LAMP, bytes(16), "set", kind, False, state)


def test_the_last_events_are_kept_under_their_numbers() -> None:
    ring = Ring(3)
    assert (ring.begin, ring.end) == (0, 0)
    for number in range(5):
        ring.append(event(number))
    assert (ring.begin, ring.end) == (2, 5)
    assert [ring[number].unix_ns for number in range(2, 5)] == [2, 3, 4]
    with pytest.raises(IndexError):
        ring[5]


def test_a_listener_hears_each_event_with_its_number() -> None:
    ring = Ring(2)
    ring.append(event(0))
    heard: list[tuple[int, int, int]] = []
    ring.listener = lambda number, told: heard.append((number, told.unix_ns, ring.end))
    ring.append(event(1))
    ring.append(event(2))
    ring.listener = None
    ring.append(event(3))
    assert heard == [(1, 1, 2), (2, 2, 3)]  # it is in the ring by then
