from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.streams.frames import (
    Activity,
    CallResult,
    Deliver,
    DeliveryReport,
    Frame,
    HangUp,
    Persistence,
    Reply,
    Resume,
    StartCall,
    Subscribed,
)
from trunkline.contract.streams.outbox import (
    BATCH_BYTES,
    BATCH_FRAMES,
    BULK_BATCH_BYTES,
    BULK_FRAME_BYTES,
    ENVELOPE_BYTES,
    Outbox,
    frame_bytes,
)
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.transport_service_pb2 import DeliveryState, SessionKind


def deliver(session: int, size: int = 10, request_id: int = 1) -> Deliver:
    return Deliver(session, request_id, "m", bytes(size), 0, CallKind.CALL_KIND_TWO_WAY)


def sizes(frames: list[Frame]) -> int:
    return sum(frame_bytes(frame) for frame in frames)


def test_small_frames_come_out_in_order_in_one_batch() -> None:
    outbox: Outbox[Deliver] = Outbox()
    frames = [deliver(session) for session in range(10)]
    for frame in frames:
        outbox.put(frame, frame.session)
    assert len(outbox) == 10
    assert outbox.bytes == sizes([*frames])
    assert outbox.take() == frames
    assert (len(outbox), outbox.bytes, outbox.take()) == (0, 0, [])


def test_a_batch_ends_at_its_count_and_at_its_bytes() -> None:
    many: Outbox[Deliver] = Outbox()
    for session in range(BATCH_FRAMES + 1):
        many.put(deliver(session), session)
    assert [len(many.take()), len(many.take()), len(many.take())] == [BATCH_FRAMES, 1, 0]

    heavy: Outbox[Deliver] = Outbox()
    for session in range(100):
        heavy.put(deliver(session, BULK_FRAME_BYTES - 100), session)
    batch = heavy.take()
    assert BATCH_BYTES - BULK_FRAME_BYTES < sizes([*batch]) <= BATCH_BYTES


def test_large_frames_wait_behind_small_ones_and_go_a_few_at_a_time() -> None:
    outbox: Outbox[Deliver] = Outbox()
    large = [deliver(session, 30_000) for session in range(5)]
    for frame in large:
        outbox.put(frame, frame.session)
    small = deliver(100)
    outbox.put(small, 100)
    assert outbox.take() == [small, *large[:2]]
    assert outbox.take() == large[2:4]
    assert outbox.take() == large[4:]
    assert outbox.bytes == 0


def test_one_frame_over_the_bulk_allowance_goes_alone() -> None:
    outbox: Outbox[Deliver] = Outbox()
    for session in range(2):
        outbox.put(deliver(session, 2 * BULK_BATCH_BYTES), session)
    assert [len(outbox.take()), len(outbox.take())] == [1, 1]


def test_a_session_stays_in_the_bulk_lane_until_that_is_drained() -> None:
    outbox: Outbox[Deliver] = Outbox()
    first, large, behind, other = deliver(1), deliver(1, 100_000), deliver(1, request_id=2), deliver(2)
    for frame in (first, large, behind, other):
        outbox.put(frame, frame.session)
    assert outbox.take() == [first, other, large]
    assert outbox.take() == [behind]
    outbox.put(first, 1)
    assert outbox.take() == [first], "back in the small lane"


def test_a_large_frame_waits_for_its_session_in_a_crowded_small_lane() -> None:
    outbox: Outbox[Deliver] = Outbox()
    crowd = [deliver(session) for session in range(BATCH_FRAMES)]
    first, large, later = deliver(1_000), deliver(1_000, 5_000), deliver(1_001)
    for frame in (*crowd, first, large, later):
        outbox.put(frame, frame.session)
    assert outbox.take() == crowd
    assert outbox.take() == [first, later, large]


def test_large_frames_keep_going_while_the_small_lane_never_empties() -> None:
    outbox: Outbox[Deliver] = Outbox()
    large = deliver(1_000, 5_000)
    taken: list[Deliver] = []
    outbox.put(large, 1_000)
    while large not in taken:
        for session in range(BATCH_FRAMES + 1):
            outbox.put(deliver(session), session)
        taken += outbox.take()
        assert len(taken) <= 2 * BATCH_FRAMES
    assert len(outbox) > 0


def test_only_a_report_overtakes_its_session() -> None:
    outbox: Outbox[Frame] = Outbox()
    reply = Reply(1, 7, bytes(100_000))
    report = DeliveryReport(1, 8, DeliveryState.DELIVERY_STATE_DELIVERED)
    outbox.put(reply, 1)
    outbox.put(report, 1)
    assert outbox.take() == [report, reply]


def test_a_frame_is_taken_back_by_identity() -> None:
    outbox: Outbox[Deliver] = Outbox()
    twin, other, large = deliver(1), deliver(1), deliver(2, 100_000)
    for frame in (twin, other, large):
        outbox.put(frame, frame.session)
    assert outbox.remove(other)
    assert not outbox.remove(other)
    assert not outbox.remove(deliver(1)), "equal, but never put in"
    assert outbox.remove(large)
    assert not outbox.remove(large)
    (left,) = outbox.take()
    assert left is twin
    assert outbox.bytes == 0
    assert not outbox.remove(twin), "already taken"


def test_take_all_empties_both_lanes() -> None:
    outbox: Outbox[Deliver] = Outbox()
    large, small = deliver(1, 100_000), deliver(2)
    outbox.put(large, 1)
    outbox.put(small, 2)
    assert outbox.take_all() == [small, large]
    assert (len(outbox), outbox.bytes) == (0, 0)
    outbox.put(deliver(1), 1)
    assert len(outbox.take()) == 1


def test_frames_weigh_their_payload_and_an_envelope() -> None:
    call = StartCall(1, b"d" * 16, "method", b"12345", CallKind.CALL_KIND_TWO_WAY, 0)
    assert frame_bytes(Subscribed(1)) == ENVELOPE_BYTES
    assert frame_bytes(call) == ENVELOPE_BYTES + 11
    call.persistence = Persistence(b"{}")
    assert frame_bytes(call) == ENVELOPE_BYTES + 13
    assert frame_bytes(Reply(1, 1, error="no")) == ENVELOPE_BYTES + 2
    assert frame_bytes(CallResult(1, Outcome.OUTCOME_FAILED, b"12", detail="why")) == ENVELOPE_BYTES + 5
    assert frame_bytes(Activity(0, tuple(range(1000)))) > 1000
    assert frame_bytes(HangUp(tuple(range(1000)))) > 1000
    resume = Resume(1, b"d" * 16, 1, SessionKind.SESSION_KIND_ASYNCHRONOUS, open=tuple(range(100)))
    assert frame_bytes(resume) > 100


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 100, 4_000, 5_000, 70_000])), max_size=60), st.data())
def test_nothing_is_lost_and_no_session_is_reordered(puts: list[tuple[int, int]], data: st.DataObject) -> None:
    outbox: Outbox[Deliver] = Outbox()
    waiting: dict[int, list[int]] = {}
    for request_id, (session, size) in enumerate(puts):
        frame = deliver(session, size, request_id)
        outbox.put(frame, session)
        waiting.setdefault(session, []).append(request_id)
        match data.draw(st.sampled_from(["keep", "keep", "remove", "take"])):
            case "remove":
                assert outbox.remove(frame)
                waiting[session].remove(request_id)
            case "take":
                settle(outbox.take(), waiting)
    while batch := outbox.take():
        settle(batch, waiting)
    assert not any(waiting.values())
    assert (len(outbox), outbox.bytes) == (0, 0)


def settle(batch: list[Deliver], waiting: dict[int, list[int]]) -> None:
    assert len(batch) <= BATCH_FRAMES + BULK_BATCH_BYTES // ENVELOPE_BYTES
    for frame in batch:
        assert waiting[frame.session].pop(0) == frame.request_id
