from collections.abc import Sequence

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.answer_end import AnswerEnd
from trunkline.contract.streams.frames import (
    AnswerFrame,
    Batch,
    CallerDrain,
    CallerFrame,
    CallerHello,
    CallerWelcome,
    CallResult,
    HangUp,
    PrincipalRevoked,
    StartCall,
)
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

DEVICE = b"device--16-bytes"
HELLO = CallerHello("test")


def make_end(*, max_open_calls: int = 4, max_open_bytes: int = 100_000, peer_beats: bool = True) -> AnswerEnd:
    end = AnswerEnd(
        b"core-id-16-bytes",
        max_frame_bytes=1_000,
        max_open_calls=max_open_calls,
        max_open_bytes=max_open_bytes,
        peer_beats=peer_beats,
    )
    end.opened(0)
    return end


def start(tag: int, params: bytes = b"1") -> StartCall:
    return StartCall(tag, DEVICE, "m", params, CallKind.CALL_KIND_TWO_WAY, 10_000)


def result(tag: int, payload: bytes = b"ok") -> CallResult:
    return CallResult(tag, Outcome.OUTCOME_SUCCEEDED, payload)


def receive(end: AnswerEnd, *frames: CallerFrame | Unreadable) -> Sequence[CallerFrame | Unreadable]:
    return end.receive(Batch([*frames]), 0)


def gather(end: AnswerEnd) -> list[AnswerFrame]:
    batch = end.gather(0)
    return batch.frames if batch else []


def test_hello_is_answered_with_the_limits_before_anything_else() -> None:
    end = make_end()
    assert receive(end, HELLO, start(1)) == [HELLO, start(1)]
    end.answer(result(1))
    welcome, answer = gather(end)
    assert isinstance(welcome, CallerWelcome)
    assert (welcome.max_open_calls, welcome.max_frame_bytes, welcome.max_open_bytes) == (4, 1_000, 100_000)
    assert answer == result(1)
    assert gather(end) == []


def test_a_call_is_open_until_its_result_is_written() -> None:
    end = make_end()
    receive(end, start(1), start(2))
    end.answer(result(1))
    assert end.open_calls == 2
    assert gather(end) == [result(1)]
    assert end.open_calls == 1


def test_one_call_too_many_is_answered_queue_full() -> None:
    end = make_end(max_open_calls=2)
    assert receive(end, start(1), start(2), start(3)) == [start(1), start(2)]
    (refused,) = gather(end)
    assert isinstance(refused, CallResult)
    assert (refused.tag, refused.outcome) == (3, Outcome.OUTCOME_FAILED)
    assert (refused.reason, refused.cause) == (ErrorReason.ERROR_REASON_QUEUE_FULL, Cause.CAUSE_QUEUE_FULL)
    assert refused.retry_after_ms
    end.answer(result(1))
    gather(end)
    assert receive(end, start(4)) == [start(4)], "there is room again"


def test_bytes_are_bounded_as_calls_are() -> None:
    end = make_end(max_open_bytes=1_000)
    assert receive(end, start(1, bytes(600)), start(2, bytes(600))) == [start(1, bytes(600))]
    gather(end)
    end.answer(result(1, bytes(900)))
    assert receive(end, start(3, bytes(600))) == [], "the unwritten result counts"
    gather(end)
    assert len(receive(end, start(4, bytes(600)))) == 1


def test_a_caller_that_does_not_read_loses_its_stream() -> None:
    end = make_end(max_open_calls=2)
    tags = iter(range(1, 100))
    with pytest.raises(TrunklineError) as raised:
        for tag in tags:
            receive(end, start(tag))
    assert raised.value.reason == ErrorReason.ERROR_REASON_STREAM_OVERRUN
    assert next(tags) == 2 + 2 * 2 + 2, "two were open, four results waited"


def test_replies_that_nobody_reads_lose_their_bytes_and_not_their_outcome() -> None:
    end = make_end(max_open_bytes=1_000)
    receive(end, start(1), start(2), start(3))
    for tag in (1, 2, 3):
        end.answer(result(tag, bytes(1_500)))
    frames: list[AnswerFrame] = []
    while more := gather(end):
        frames += more
    assert [frame.tag for frame in frames if isinstance(frame, CallResult)] == [1, 2, 3]
    dropped = next(frame for frame in frames if isinstance(frame, CallResult) and frame.tag == 3)
    assert (dropped.payload, dropped.reason) == (b"", ErrorReason.ERROR_REASON_STREAM_OVERRUN)


def test_a_tag_in_use_breaks_the_rules() -> None:
    end = make_end()
    receive(end, start(1))
    with pytest.raises(TrunklineError) as raised:
        receive(end, start(1))
    assert raised.value.reason == ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION


def test_other_frames_pass_in_order() -> None:
    end = make_end()
    frames: list[CallerFrame | Unreadable] = [HangUp((1,)), Unreadable("?"), start(1)]
    assert receive(end, *frames) == frames


def test_the_streams_end_hangs_up_what_has_no_result() -> None:
    end = make_end()
    receive(end, start(1), start(2), start(3))
    end.answer(result(2))
    assert end.broken(0) == [HangUp((1, 3))]
    assert end.broken(0) == []
    end.answer(result(1))
    end.send(PrincipalRevoked(b"user"))
    assert gather(end) == [], "nobody is there to read it"
    assert end.open_calls == 0


def test_drain_and_revocations_go_out_beside_results() -> None:
    end = make_end()
    end.drain(5_000)
    end.send(PrincipalRevoked(b"user"))
    assert gather(end) == [CallerDrain(5_000), PrincipalRevoked(b"user")]


def test_whoever_has_something_to_say_wakes_the_writer() -> None:
    end = make_end(max_open_calls=1)
    rung = 0

    def ring() -> None:
        nonlocal rung
        rung += 1

    end.wake = ring
    receive(end, HELLO)
    assert rung == 1
    receive(end, start(1), start(2))
    assert rung == 2
    end.answer(result(1))
    assert rung == 3
    end.drain(1)
    assert rung == 4


def test_only_a_caller_that_beats_can_fall_silent() -> None:
    assert make_end(peer_beats=True).silence_ms == 6_000
    assert make_end(peer_beats=False).silence_ms == 0
    end = make_end()
    assert end.due_ms() is None
    assert end.heartbeat(7) == Batch([], 7)
