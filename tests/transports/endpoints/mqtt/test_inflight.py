from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.endpoints.mqtt.inflight import LARGEST_PACKET_ID, NEVER, Inflight


def test_an_acknowledgement_names_its_call_once() -> None:
    inflight = Inflight()
    first, second = inflight.add(41, 100), inflight.add(42, 200)
    assert (first, second, len(inflight)) == (1, 2, 2)
    assert inflight.acknowledged(second) == 42
    assert inflight.acknowledged(second) == 0
    assert inflight.acknowledged(99) == 0
    assert len(inflight) == 1


def test_an_overdue_call_is_named_once_and_keeps_its_identifier() -> None:
    inflight = Inflight()
    packet_id = inflight.add(41, 100)
    inflight.add(42, 200)
    assert inflight.overdue(99) == []
    assert inflight.overdue(100) == [41]
    assert inflight.overdue(150) == []
    assert (len(inflight), inflight.stuck(), inflight.awaited()) == (2, 1, True)
    assert inflight.overdue(200) == [42]
    assert not inflight.awaited()
    assert inflight.acknowledged(packet_id) == 41
    assert inflight.stuck() == 1


def test_what_is_no_call_is_never_overdue_nor_stuck() -> None:
    inflight = Inflight()
    packet_id = inflight.add(0, NEVER)
    assert (inflight.overdue(NEVER - 1), inflight.stuck(), inflight.awaited()) == ([], 0, False)
    assert inflight.acknowledged(packet_id) == 0


def test_more_time_is_for_those_that_are_awaited() -> None:
    inflight = Inflight()
    inflight.add(41, 100)
    inflight.add(0, NEVER)
    assert inflight.overdue(100) == [41]
    inflight.add(42, 200)
    inflight.postpone(50)
    assert inflight.overdue(249) == []
    assert inflight.overdue(250) == [42]
    assert (inflight.stuck(), inflight.awaited()) == (2, False)  # whose time is never keeps it


def test_a_call_may_be_under_way_twice() -> None:
    inflight = Inflight()
    first, second = inflight.add(41, 100), inflight.add(41, 200)
    assert inflight.overdue(200) == [41, 41]
    assert (inflight.acknowledged(second), inflight.acknowledged(first), len(inflight)) == (41, 41, 0)


def test_identifiers_start_again_and_skip_those_that_are_taken() -> None:
    inflight = Inflight()
    taken = inflight.add(1, 0)
    for _ in range(LARGEST_PACKET_ID - 1):
        inflight.acknowledged(inflight.add(2, 0))
    assert inflight.add(3, 0) == taken + 1


@given(st.lists(st.integers(0, 5), max_size=60))
def test_no_identifier_is_given_twice_while_it_is_taken(steps: list[int]) -> None:
    inflight = Inflight()
    taken: list[int] = []
    for step in steps:
        if step and taken:
            inflight.acknowledged(taken.pop(step % len(taken)))
        else:
            packet_id = inflight.add(1, 0)
            assert 1 <= packet_id <= LARGEST_PACKET_ID
            assert packet_id not in taken
            taken.append(packet_id)
    assert len(inflight) == len(taken)
