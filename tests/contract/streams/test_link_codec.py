from typing import Any

from doubles.frame_strategies import CORE_FRAMES, NOW, WORKER_FRAMES, batches
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.streams.frames import Batch
from trunkline.contract.streams.link_codec import (
    decode_link_request,
    decode_link_response,
    encode_link_request,
    encode_link_response,
)
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.transport_service_pb2 import LinkRequest, LinkResponse


@given(batches(WORKER_FRAMES), st.integers(0, 2**63))
def test_what_a_worker_says_arrives_as_it_was(frames: list[Any], ack: int) -> None:
    text = encode_link_request(Batch(frames, ack=ack), NOW).SerializeToString()
    assert decode_link_request(LinkRequest.FromString(text), NOW, 0) == Batch(frames, NOW, ack)


@given(batches(CORE_FRAMES), st.integers(0, 2**63))
def test_what_the_core_says_arrives_as_it_was(frames: list[Any], ack: int) -> None:
    text = encode_link_response(Batch(frames, ack=ack), NOW).SerializeToString()
    assert decode_link_response(LinkResponse.FromString(text), NOW, 0) == Batch(frames, NOW, ack)


@given(st.binary(max_size=200))
def test_no_message_that_parses_makes_decoding_fail(text: bytes) -> None:
    for message_type, decode in ((LinkRequest, decode_link_request), (LinkResponse, decode_link_response)):
        try:
            message: Any = message_type.FromString(text)
        except DecodeError:
            continue
        assert len(decode(message, NOW, 0).frames) == len(message.frames)


def test_frames_around_an_unreadable_one_keep_their_places() -> None:
    message = LinkRequest()
    message.frames.add().resumed.SetInParent()
    message.frames.add(session=7)
    message.frames.add().resumed.SetInParent()
    frames = decode_link_request(message, NOW, 0).frames
    assert [isinstance(frame, Unreadable) for frame in frames] == [False, True, False]
