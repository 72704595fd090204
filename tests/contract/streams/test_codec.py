import pytest

from trunkline.contract.streams.call_codec import decode_call_stream_request, encode_call_stream_request
from trunkline.contract.streams.codec import MAX_UINT32, known, remaining_ms
from trunkline.contract.streams.frames import Batch, HangUp, StartCall
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.call_pb2 import CallKind


def test_remaining_time_is_never_negative_and_fits_its_field() -> None:
    assert remaining_ms(1_500, 1_000) == 500
    assert remaining_ms(500, 1_000) == 0
    assert remaining_ms(10**12, 1_000) == MAX_UINT32


def test_known_refuses_what_is_not_in_the_enum() -> None:
    assert known(1, frozenset({1, 2})) == 1
    with pytest.raises(ValueError, match="unknown value 3"):
        known(3, frozenset({1, 2}))


def test_a_frame_that_cannot_be_encoded_keeps_its_place_and_its_neighbours() -> None:
    first, last = HangUp((1,)), HangUp((2,))
    for broken in (
        StartCall(-1, b"d" * 16, "m", b"", CallKind.CALL_KIND_ONE_WAY, 0),
        StartCall(1, b"d" * 16, "\ud800", b"", CallKind.CALL_KIND_ONE_WAY, 0),
    ):
        message = encode_call_stream_request(Batch([first, broken, last]), now=0)
        frames = decode_call_stream_request(message, now=0, excess_ms=0).frames
        assert [frames[0], frames[2]] == [first, last]
        assert isinstance(frames[1], Unreadable)
