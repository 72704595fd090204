"""Numbers and acks, one end at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import Subscribed
from trunkline.contract.streams.numbering import ACK_MS, Numbering
from trunkline.v1.error_pb2 import ErrorReason


def written(*batches: int) -> Numbering[Subscribed]:
    """Frames that tell their own number, written in batches of these sizes; a frame weighs 10."""
    numbering: Numbering[Subscribed] = Numbering()
    number = 0
    for size in batches:
        frames = [Subscribed(number + n) for n in range(1, size + 1)]
        number += size
        numbering.written(frames, 10 * size)
    return numbering


def sessions(frames: list[Subscribed]) -> list[int]:
    return [frame.session for frame in frames]


def test_an_ack_releases_what_it_covers() -> None:
    numbering = written(3, 2)
    assert sessions(numbering.acknowledged(3)) == [1, 2, 3]
    assert (numbering.acked, len(numbering.kept), numbering.bytes) == (3, 2, 20)
    assert sessions(numbering.acknowledged(5)) == [4, 5]
    assert numbering.bytes == 0


def test_an_ack_inside_a_batch_keeps_the_rest() -> None:
    numbering = written(3)
    assert sessions(numbering.acknowledged(2)) == [1, 2]
    assert sessions(list(numbering.kept)) == [3]
    assert sessions(numbering.acknowledged(3)) == [3]
    assert numbering.bytes == 0


def test_an_ack_of_what_was_never_written_is_refused() -> None:
    with pytest.raises(TrunklineError) as caught:
        written(2).acknowledged(3)
    assert caught.value.reason == ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION


def test_an_ack_is_due_soon_after_the_first_frame_it_covers() -> None:
    numbering = written()
    numbering.received(2, 100)
    numbering.received(1, 110)
    numbering.received(0, 111)
    assert (numbering.handled, numbering.ack_due_ms) == (3, 100 + ACK_MS)


def test_a_returning_peer_keeps_what_it_got_until_its_ack() -> None:
    numbering = written(2, 2)
    numbering.acknowledged(1)
    assert sessions(numbering.restart(3, known=True)) == [4]
    assert sessions(list(numbering.kept)) == [2, 3]
    numbering.written([Subscribed(4)], 10)
    assert sessions(numbering.acknowledged(4)) == [2, 3, 4]


def test_a_stranger_got_nothing_whatever_it_states() -> None:
    numbering = written(2)
    assert sessions(numbering.restart(7, known=False)) == [1, 2]
    assert (numbering.acked, numbering.bytes) == (7, 0)
    numbering.written([Subscribed(9)], 10)
    assert sessions(numbering.acknowledged(8)) == [9]


@given(
    batches=st.lists(st.integers(1, 5), max_size=5),
    acked=st.integers(0, 25),
    stated=st.integers(0, 40),
    known=st.booleans(),
)
def test_a_restart_loses_nothing_and_goes_on_from_the_stated_number(
    batches: list[int], acked: int, stated: int, known: bool
) -> None:
    numbering = written(*batches)
    total = sum(batches)
    if 0 < acked <= total:
        numbering.acknowledged(acked)
    before = sessions(list(numbering.kept))
    missed = sessions(numbering.restart(stated, known=known))
    assert sessions(list(numbering.kept)) + missed == before
    assert numbering.acked + len(numbering.kept) == stated
    assert numbering.bytes >= 0
    if not numbering.kept:
        assert numbering.bytes == 0
