from typing import Any

import pytest
from doubles.frame_strategies import ANSWER_FRAMES, CALLER_FRAMES, NOW, batches
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.streams.call_codec import (
    DEFAULT_TIMEOUT_MS,
    decode_call_stream_request,
    decode_call_stream_response,
    encode_call_stream_request,
    encode_call_stream_response,
)
from trunkline.contract.streams.frames import Batch, CallerFrame, StartCall
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.rpc_service_pb2 import CallStreamRequest, CallStreamResponse

DEVICE = b"device--16-bytes"


def start(deadline_ms: int) -> StartCall:
    return StartCall(1, DEVICE, "m", b"1", CallKind.CALL_KIND_TWO_WAY, deadline_ms)


def travel(frame: CallerFrame, *, written: int, read: int, excess_ms: int = 0) -> Any:
    text = encode_call_stream_request(Batch([frame]), written).SerializeToString()
    (arrived,) = decode_call_stream_request(CallStreamRequest.FromString(text), read, excess_ms).frames
    return arrived


@given(batches(CALLER_FRAMES))
def test_what_a_caller_says_arrives_as_it_was(frames: list[Any]) -> None:
    text = encode_call_stream_request(Batch(frames), NOW).SerializeToString()
    batch = decode_call_stream_request(CallStreamRequest.FromString(text), NOW, 0)
    assert batch == Batch(frames, NOW)


@given(batches(ANSWER_FRAMES))
def test_what_the_core_says_arrives_as_it_was(frames: list[Any]) -> None:
    text = encode_call_stream_response(Batch(frames), NOW).SerializeToString()
    batch = decode_call_stream_response(CallStreamResponse.FromString(text), NOW, 0)
    assert batch == Batch(frames, NOW)


def test_only_the_remaining_time_travels_less_what_the_batch_came_late() -> None:
    arrived = travel(start(deadline_ms=1_500), written=1_000, read=700_000, excess_ms=120)
    assert arrived.deadline_ms == 700_000 + 500 - 120


def test_a_call_without_time_left_has_none_at_the_other_end() -> None:
    assert travel(start(deadline_ms=900), written=1_000, read=5_000).deadline_ms == 5_000


def test_an_expiry_travels_as_it_is() -> None:
    frame = start(deadline_ms=1_500)
    frame.expire_unix_ms = 1_790_000_000_000
    arrived = travel(frame, written=1_000, read=5_000)
    assert arrived.expire_unix_ms == 1_790_000_000_000


def test_a_call_that_names_no_time_gets_ten_seconds() -> None:
    message = CallStreamRequest()
    message.frames.add().call.tag = 9
    (arrived,) = decode_call_stream_request(message, 5_000, 0).frames
    assert isinstance(arrived, StartCall)
    assert (arrived.deadline_ms, arrived.expire_unix_ms) == (5_000 + DEFAULT_TIMEOUT_MS, None)


def test_a_frame_of_a_kind_we_do_not_know_is_unreadable() -> None:
    message = CallStreamRequest()
    message.frames.add()
    message.frames.add().hang_up.tags.append(3)
    unknown, _ = decode_call_stream_request(message, 0, 0).frames
    assert isinstance(unknown, Unreadable)


@pytest.mark.parametrize("kind", [0, 77])
def test_a_call_of_an_unknown_kind_is_passed_on_so_that_it_gets_an_answer(kind: int) -> None:
    frame = start(2_000)
    frame.kind = kind  # type: ignore[assignment]  # what a foreign caller may send
    assert travel(frame, written=0, read=0).kind == kind


@given(st.binary(max_size=200))
def test_no_message_that_parses_makes_decoding_fail(text: bytes) -> None:
    for message_type, decode in (
        (CallStreamRequest, decode_call_stream_request),
        (CallStreamResponse, decode_call_stream_response),
    ):
        try:
            message: Any = message_type.FromString(text)
        except DecodeError:
            continue
        assert len(decode(message, NOW, 0).frames) == len(message.frames)
