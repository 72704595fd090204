"""The worker's end, against the real core's end over a scripted network."""

import pytest
from doubles.scripted_link import CORE, MAX_FRAME_BYTES, ScriptedLink, core_end

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.core_end import Written
from trunkline.contract.streams.end import silence_ms
from trunkline.contract.streams.frames import (
    Activity,
    Batch,
    Connect,
    Connected,
    Deliver,
    DeliveryReport,
    DeviceCall,
    DeviceData,
    Disconnected,
    LinkHello,
    ProfileChanged,
    Reply,
    ReplyStored,
    Resume,
    Resumed,
    Subscribe,
    Subscribed,
    TransportProfile,
    Welcome,
    Withdraw,
)
from trunkline.contract.streams.numbering import ACK_MS
from trunkline.contract.streams.outbox import BATCH_FRAMES
from trunkline.contract.streams.wire import Unreadable
from trunkline.contract.streams.worker_end import Linked, ReadOn, Unlinked, WorkerEnd
from trunkline.contract.streams.worker_session import BEHIND_BYTES, KEPT_REPLIES
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import (
    Acknowledgement,
    DataKind,
    DeliveryState,
    DisconnectCause,
    SessionKind,
)

IMPLIED = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
EXPLICIT = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS
NOT_SENT = DeliveryState.DELIVERY_STATE_NOT_SENT
DELIVERED = DeliveryState.DELIVERY_STATE_DELIVERED
NOT_ACKNOWLEDGED = DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED
CLIENT = DisconnectCause.DISCONNECT_CAUSE_CLIENT
FAR = 1 << 40


def deliver(request_id: int, session: int = 1, *, prompt: bool = False, durable: bool = False) -> Deliver:
    kind = CallKind.CALL_KIND_ONE_WAY if prompt else CallKind.CALL_KIND_TWO_WAY
    return Deliver(session, request_id, "m", b"{}", FAR, kind, prompt=prompt, durable=durable)


def data(session: int, payload: bytes = b"{}") -> DeviceData:
    return DeviceData(session, 0, DataKind.DATA_KIND_TELEMETRY, payload)


def linked(
    *sessions: int, acknowledgement: Acknowledgement.ValueType = IMPLIED, max_unacked: int = 1 << 20
) -> ScriptedLink:
    """A link that is up, with subscribed sessions, and nothing under way."""
    link = ScriptedLink(core=core_end(max_unacked_bytes=max_unacked))
    link.link()
    for session in sessions:
        link.worker.send(Connect(session, ASYNCHRONOUS, 16, access_token="token"))
        link.worker.send(Subscribe(session, True, False, acknowledgement))
        link.core.send(Connected(session, b"%16d" % session, session, "device", 1, b"p" * 16))
        link.core.send(Subscribed(session))
    link.settle()
    link.later(ACK_MS)
    link.take_worker()
    link.take_core()
    return link


# --- greeting ---


def test_it_greets_and_says_nothing_else_before_the_welcome() -> None:
    worker = WorkerEnd("w", "mqtt", b"i" * 16)
    worker.send(Connect(1, ASYNCHRONOUS, 16, access_token="token"))
    worker.opened(0)
    assert worker.gather(0) == Batch([LinkHello(0, "w", b"i" * 16, "mqtt")], 0)
    assert worker.gather(0) is None
    assert worker.heartbeat(5) == Batch([], 5)
    assert not worker.linked


def test_the_welcome_tells_the_bounds_and_is_followed_by_the_list() -> None:
    worker = WorkerEnd("w", "mqtt", b"i" * 16)
    connect = Connect(1, ASYNCHRONOUS, 16, access_token="token")
    worker.send(connect)
    worker.opened(0)
    worker.gather(0)
    effects = worker.receive(Batch([Welcome(0, CORE, 0, 1 << 24, 1 << 20, 500)]), 0)
    assert effects == [Linked(CORE, new_core=True)]
    assert (worker.max_frame_bytes, worker.max_unacked_bytes, worker.heartbeat_ms) == (1 << 24, 1 << 20, 500)
    assert worker.silence_ms == silence_ms(1 << 24, 500)
    assert worker.gather(1) == Batch([Resumed(0)], 1)
    assert worker.gather(1) == Batch([connect], 1)
    assert worker.linked


def test_frames_without_a_welcome_and_a_second_welcome_end_the_stream() -> None:
    worker = WorkerEnd("w", "mqtt", b"i" * 16)
    worker.opened(0)
    worker.gather(0)
    with pytest.raises(TrunklineError):
        worker.receive(Batch([Subscribed(1)]), 0)
    link = linked()
    with pytest.raises(TrunklineError):
        link.worker.receive(Batch([Welcome(0, CORE, 0, 1, 1, 1)]), 0)


def test_a_lower_limit_of_another_core_keeps_large_frames_back() -> None:
    link = linked(1)
    link.worker.send(data(1, b"x" * 200_000))
    link.worker_writes()
    link.worker.send(data(1, b"y" * 200_000))
    link.worker.send(data(1, b"small"))
    link.cut()
    link.connect()
    link.worker_writes()
    link.worker.receive(Batch([Welcome(0, b"other", 0, 100_000, 1 << 20, 500)]), link.now)
    batches = [link.worker.gather(link.now), link.worker.gather(link.now)]
    assert [frame for batch in batches if batch for frame in batch.frames if isinstance(frame, DeviceData)] == [
        data(1, b"small")
    ]


# --- acks ---


def test_an_ack_waits_for_a_batch_to_travel_with_but_not_long() -> None:
    link = linked(1)
    link.core.send(deliver(1))
    link.settle()
    assert link.take_core() == []
    link.later(ACK_MS - 1)
    assert link.take_core() == []
    link.later(1)
    assert link.take_core() == [Written(1, 1)]


def test_a_reply_takes_the_ack_along() -> None:
    link = linked(1)
    link.core.send(deliver(1))
    link.settle()
    reply = Reply(1, 1, b"{}")
    link.worker.send(reply)
    link.settle()
    assert link.take_core() == [reply, Written(1, 1)]
    assert not reply.keep


def test_a_prompt_delivery_is_acknowledged_at_once() -> None:
    link = linked(1)
    woken: list[None] = []
    link.worker.wake = lambda: woken.append(None)
    link.core.send(deliver(1, prompt=True))
    link.settle()
    assert link.take_core() == [Written(1, 1)]
    assert woken


def test_the_report_that_a_delivery_was_not_sent_comes_before_its_ack() -> None:
    link = linked(1)
    for request_id in range(1, 5):
        link.core.send(deliver(request_id))
    link.core_writes()
    link.worker_reads()
    for _ in range(BATCH_FRAMES):
        link.worker.send(data(1))
    report = DeliveryReport(1, 4, NOT_SENT)
    link.worker.send(report)
    link.settle()
    got = link.take_core()
    assert got.index(report) == BATCH_FRAMES
    assert got[-3:] == [Written(1, 1), Written(1, 2), Written(1, 3)]
    assert not any(isinstance(effect, Written) for effect in got[:-3])


def test_an_unreadable_frame_counts_as_handled() -> None:
    link = linked(1)
    unreadable = Unreadable("a frame of a later version")
    assert link.worker.receive(Batch([unreadable]), link.now) == [unreadable]
    assert link.worker.due_ms() == link.now + ACK_MS


# --- sessions and deliveries ---


def test_a_delivery_that_crossed_the_end_of_its_session_was_not_sent() -> None:
    link = linked(1)
    link.worker.send(Disconnected(1, CLIENT))
    link.core.send(deliver(1))
    link.core.send(Withdraw(1, 1))
    link.settle()
    assert link.take_worker() == []
    assert DeliveryReport(1, 1, NOT_SENT) in link.take_core()


def test_nothing_is_sent_for_sessions_that_are_over_or_never_were() -> None:
    link = linked(1)
    assert not link.worker.send(data(2))
    assert link.worker.send(Disconnected(1, CLIENT))
    assert not link.worker.send(data(1))
    assert not link.worker.send(Disconnected(1, CLIENT))


def test_activity_is_merged_while_it_waits() -> None:
    link = linked(1, 2)
    link.worker.send(Activity(0, (1,)))
    link.worker.send(Activity(0, (2, 1)))
    link.settle()
    (activity,) = link.take_core()
    assert isinstance(activity, Activity)
    assert sorted(activity.sessions) == [1, 2]


def test_an_expired_device_call_is_not_sent() -> None:
    link = linked(1)
    link.worker.send(DeviceCall(1, 1, "m", b"{}", link.now))
    link.worker.send(DeviceCall(1, 2, "m", b"{}", link.now + 1))
    link.settle()
    assert [frame.id for frame in link.take_core() if isinstance(frame, DeviceCall)] == [2]


def test_many_expired_device_calls_hold_nothing_up() -> None:
    link = linked(1)
    for number in range(BATCH_FRAMES):
        link.worker.send(DeviceCall(1, number, "m", b"{}", link.now))
    link.worker.send(data(1))
    woken: list[None] = []
    link.worker.wake = lambda: woken.append(None)
    assert not link.worker_writes()
    assert woken
    assert link.worker_writes()


def test_a_frame_that_no_core_takes_is_refused() -> None:
    link = linked(1)
    with pytest.raises(TrunklineError) as caught:
        link.worker.send(Reply(1, 1, b"x" * MAX_FRAME_BYTES))
    assert caught.value.reason == ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE
    with pytest.raises(TrunklineError):
        link.worker.send(data(1, b"x" * MAX_FRAME_BYTES))
    with pytest.raises(TrunklineError):
        link.worker.send(DeviceCall(1, 1, "m", b"x" * MAX_FRAME_BYTES, FAR))


# --- bounds ---


def test_unacknowledged_bytes_stop_the_reading_of_devices() -> None:
    link = linked(1, max_unacked=10_000)
    link.worker.send(data(1, b"x" * 4_000))
    assert link.worker.reading
    link.worker_writes()
    link.worker.send(data(1, b"x" * 6_000))
    assert not link.worker.reading
    assert not link.worker.reads(1)
    link.core_reads()
    link.settle()
    assert link.take_worker() == []
    link.later(ACK_MS)
    assert link.take_worker() == [ReadOn()]
    assert link.worker.reads(1)
    assert link.worker.unacked_bytes == 0


def test_a_session_is_not_read_beyond_what_may_follow_its_connect() -> None:
    link = linked()
    link.worker.send(Connect(1, ASYNCHRONOUS, 16, access_token="token"))
    link.worker.send(data(1, b"x" * BEHIND_BYTES))
    link.settle()
    assert not link.worker.reads(1)
    link.core.send(Connected(1, b"d" * 16, 1, "device", 1, b"p" * 16))
    link.settle()
    assert link.worker.reads(1)


def test_a_profile_is_not_lost_with_the_session_that_it_was_told_with() -> None:
    link = linked()
    link.worker.send(Connect(1, ASYNCHRONOUS, 16, access_token="token"))
    link.settle()
    link.worker.send(Disconnected(1, CLIENT))
    profile = TransportProfile(b"p" * 16, 2)
    link.core.send(Connected(1, b"d" * 16, 1, "device", 1, b"p" * 16, profile=profile))
    link.settle()
    assert link.take_worker() == [ProfileChanged(0, profile)]


def test_replies_of_stored_and_unknown_calls_are_kept() -> None:
    link = linked(1, max_unacked=2_000)
    link.core.send(deliver(1, durable=True))
    link.settle()
    stored, unknown = Reply(1, 1, b"{}"), Reply(1, 99, b"{}")
    assert link.worker.send(stored)
    assert link.worker.send(unknown)
    assert stored.keep
    assert unknown.keep
    assert not link.worker.send(Reply(1, 100, b"x" * 2_000))
    assert (link.worker.kept_replies, link.worker.dropped_replies) == (2, 1)


def test_sixteen_kept_replies_stop_the_reading_of_their_session() -> None:
    link = linked(1, 2)
    for request_id in range(KEPT_REPLIES):
        assert link.worker.reads(1)
        link.worker.send(Reply(1, request_id + 1, b"{}"))
        link.worker.send(Reply(1, request_id + 1, b"{}"))
    assert not link.worker.reads(1)
    assert link.worker.reads(2)
    link.core.send(ReplyStored(1, 1))
    link.settle()
    assert link.worker.reads(1)
    assert link.take_worker() == [ReplyStored(1, 1)]


# --- broken links ---


def test_a_break_is_told_once_and_only_of_a_link() -> None:
    link = ScriptedLink()
    link.connect()
    link.cut()
    assert link.take_worker() == []
    link.link()
    link.cut()
    assert link.take_worker() == [Linked(CORE, new_core=True), Unlinked()]
    link.link()
    assert link.take_worker() == [Linked(CORE, new_core=False)]


def test_the_same_core_gets_what_it_missed_and_nothing_twice() -> None:
    link = linked(1)
    first, second, third = data(1, b"1"), data(1, b"2"), data(1, b"3")
    link.worker.send(first)
    link.worker_writes()
    link.core_reads()
    link.worker.send(second)
    link.worker_writes()
    link.cut()
    link.worker.send(third)
    link.take_core()
    link.link()
    assert [frame for frame in link.take_core() if isinstance(frame, DeviceData)] == [second, third]


def test_what_was_not_written_again_before_the_next_break_keeps_its_place() -> None:
    link = linked(1)
    told = [data(1, b"%d" % number) for number in range(2 * BATCH_FRAMES)]
    for frame in told:
        link.worker.send(frame)
    link.worker_writes()
    link.worker_writes()
    link.cut()
    link.connect()
    for move in (link.worker_writes, link.core_reads, link.core_writes, link.worker_reads):
        move()
    link.worker_writes()  # the list
    link.worker_writes()  # the first half again
    link.cut()
    link.link()
    assert [frame for frame in link.take_core() if isinstance(frame, DeviceData)] == told


def test_a_session_is_resumed_with_its_open_deliveries() -> None:
    link = linked(1, acknowledgement=EXPLICIT)
    for request_id in (1, 2, 3):
        link.core.send(deliver(request_id))
    link.settle()
    link.worker.send(DeliveryReport(1, 1, DELIVERED))
    link.worker.send(DeliveryReport(1, 2, NOT_ACKNOWLEDGED))
    link.settle()
    link.cut()
    link.take_core()
    link.link()
    (resume,) = [frame for frame in link.take_core() if isinstance(frame, Resume)]
    assert (resume.session, resume.acknowledgement, resume.open) == (1, EXPLICIT, (2, 3))


def test_another_core_hears_which_open_deliveries_are_overdue() -> None:
    link = linked(1, acknowledgement=EXPLICIT)
    for request_id in (1, 1, 2, 3):  # 1 was sent again
        link.core.send(deliver(request_id, durable=True))
    link.settle()
    for request_id in (1, 2, 1, 3):
        link.worker.send(DeliveryReport(1, request_id, NOT_ACKNOWLEDGED))
    for request_id in (1, 2):
        link.worker.send(DeliveryReport(1, request_id, DELIVERED))
    link.settle()
    link.later(ACK_MS)
    link.cut()
    link.take_core()
    link.link()
    assert [frame for frame in link.take_core() if isinstance(frame, DeliveryReport)] == []
    link.cut()
    link.core = core_end(b"another core")
    link.link()
    resume, _, *told = link.take_core()
    assert isinstance(resume, Resume)
    assert resume.open == (1, 3)
    assert told == [DeliveryReport(1, 1, NOT_ACKNOWLEDGED), DeliveryReport(1, 3, NOT_ACKNOWLEDGED)]


def test_an_unanswered_connect_is_told_to_the_next_core_with_all_behind_it() -> None:
    link = linked()
    connect, subscribe = Connect(1, ASYNCHRONOUS, 16, access_token="token"), Subscribe(1, True, False, IMPLIED)
    link.worker.send(connect)
    link.worker.send(subscribe)
    link.settle()
    link.later(ACK_MS)  # handled, but not answered
    link.cut()
    link.core = core_end(b"another core")
    late = data(1)
    link.worker.send(late)
    link.take_core()
    link.link()
    assert link.take_core() == [Resumed(0), connect, subscribe, late]


def test_a_device_call_is_written_to_one_core_only() -> None:
    link = linked(1)
    link.worker.send(DeviceCall(1, 1, "m", b"{}", FAR))
    link.worker_writes()
    link.cut()
    link.core = core_end(b"another core")
    link.worker.send(DeviceCall(1, 2, "m", b"{}", FAR))
    link.link()
    assert [frame.id for frame in link.take_core() if isinstance(frame, DeviceCall)] == [2]


def test_a_kept_reply_is_told_after_every_break_until_it_is_stored() -> None:
    link = linked(1)
    reply = Reply(1, 99, b"{}")
    link.worker.send(reply)
    link.settle()
    link.later(ACK_MS)
    link.cut()
    link.take_core()
    link.link()
    assert [frame for frame in link.take_core() if isinstance(frame, Reply)] == [reply]
    link.worker.send(Disconnected(1, CLIENT))
    link.settle()
    link.cut()
    link.core = core_end(b"another core")
    link.link()
    assert [frame for frame in link.take_core() if isinstance(frame, Reply)] == [reply]
    assert reply.device_id == b"%16d" % 1
    link.core.send(ReplyStored(1, 99))
    link.settle()
    link.cut()
    link.link()
    assert link.take_core() == [Resumed(0)]


def test_a_core_that_forgot_this_worker_is_a_new_core() -> None:
    link = linked(1)
    link.cut()
    link.core = core_end(CORE)  # the same start, but it keeps no numbers for ever
    link.take_worker()
    link.link()
    assert link.take_worker() == [Linked(CORE, new_core=True)]
    assert [type(frame) for frame in link.take_core()] == [Resume, Resumed]
    link.core.send(deliver(1, prompt=True))
    link.settle()
    assert link.take_core() == [Written(1, 1)]


def test_a_long_list_of_sessions_comes_in_batches() -> None:
    sessions = range(1, BATCH_FRAMES + 2)
    link = linked(*sessions)
    link.cut()
    link.take_core()
    link.link()
    got = link.take_core()
    assert [frame.session for frame in got if isinstance(frame, Resume)] == list(sessions)
    assert got[-1] == Resumed(0)
