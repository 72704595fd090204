from typing import Any

import pytest

from trunkline.contract.streams.frames import (
    Batch,
    DeviceCall,
    Disconnected,
    Frame,
    Reply,
    WorkerFrame,
)
from trunkline.contract.streams.link_codec import decode_link_request, encode_link_request
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.transport_service_pb2 import LinkRequest


def decode_one(message: Any, now: int = 0, excess_ms: int = 0) -> Frame:
    (frame,) = decode_link_request(LinkRequest(frames=[message]), now, excess_ms).frames
    return frame


def travel(frame: WorkerFrame, *, written: int, read: int, excess_ms: int = 0) -> Frame:
    text = encode_link_request(Batch([frame]), written).SerializeToString()
    (arrived,) = decode_link_request(LinkRequest.FromString(text), read, excess_ms).frames
    return arrived


@pytest.mark.parametrize(
    "fields",
    [
        {"session": 1, "report": {"request_id": 1, "state": 0}},
        {"session": 1, "report": {"request_id": 1, "state": 99}},
        {"session": 1, "data": {"id": 1, "kind": 0}},
        {"session": 1, "connect": {"access_token": "t", "kind": 99}},
        {"session": 1, "connect": {"kind": 1}},
        {"session": 1, "resume": {"kind": 0}},
    ],
    ids=str,
)
def test_a_value_whose_meaning_cannot_be_guessed_makes_the_frame_unreadable(fields: dict[str, Any]) -> None:
    assert isinstance(decode_one(fields), Unreadable)


def test_an_unknown_cause_still_says_that_the_session_is_over() -> None:
    frame = decode_one({"session": 4, "disconnected": {"cause": 99}})
    assert isinstance(frame, Disconnected)
    assert frame.session == 4


def test_an_empty_reply_is_a_reply_and_an_empty_error_an_error() -> None:
    assert travel(Reply(1, 2), written=0, read=0) == Reply(1, 2, b"", None)
    assert travel(Reply(1, 2, error=""), written=0, read=0) == Reply(1, 2, b"", "")


def test_a_device_call_keeps_what_is_left_of_its_time() -> None:
    arrived = travel(DeviceCall(1, 2, "m", b"1", 3_000), written=1_000, read=9_000, excess_ms=50)
    assert arrived == DeviceCall(1, 2, "m", b"1", 10_950)
