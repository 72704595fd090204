"""The core's end of a link, against the real worker's end over a scripted network."""

import pytest
from doubles.scripted_link import CORE, MAX_FRAME_BYTES, ScriptedLink, core_end

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.core_end import CoreEnd, NotWritten, Written
from trunkline.contract.streams.frames import (
    Batch,
    CloseSession,
    Connect,
    Connected,
    Deliver,
    DeliveryReport,
    DeviceCallAnswer,
    LinkHello,
    Reply,
    Resume,
    Resumed,
    Subscribe,
    Subscribed,
    Welcome,
    Withdraw,
)
from trunkline.contract.streams.numbering import ACK_MS
from trunkline.contract.streams.outbox import BATCH_FRAMES
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, SessionKind

ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS
SUPERSEDED = ErrorReason.ERROR_REASON_SESSION_SUPERSEDED
FAR = 1 << 40


def deliver(request_id: int, session: int = 1, *, deadline_ms: int = FAR, size: int = 2) -> Deliver:
    return Deliver(session, request_id, "m", b"x" * size, deadline_ms, CallKind.CALL_KIND_TWO_WAY)


def linked(*sessions: int) -> ScriptedLink:
    """A link that is up, with subscribed sessions, and nothing under way."""
    link = ScriptedLink()
    link.link()
    for session in sessions:
        link.worker.send(Connect(session, ASYNCHRONOUS, 16, access_token="token"))
        link.worker.send(Subscribe(session, True, False, Acknowledgement.ACKNOWLEDGEMENT_IMPLIED))
        link.core.send(Connected(session, b"%16d" % session, session, "device", 1, b"p" * 16))
        link.core.send(Subscribed(session))
    link.settle()
    link.later(ACK_MS)
    link.take_worker()
    link.take_core()
    return link


def accepted() -> CoreEnd:
    end = core_end()
    assert end.accept(LinkHello(0, "w", b"i" * 16, "mqtt"), 0) == []
    end.opened(0)
    return end


# --- greeting ---


def test_it_welcomes_and_says_nothing_else_before_the_list_is_complete() -> None:
    end = accepted()
    end.send(Subscribed(1))
    welcome = Welcome(0, CORE, 0, MAX_FRAME_BYTES, 1 << 20, 2_000)
    assert end.gather(0) == Batch([welcome], 0)
    assert end.gather(0) is None
    resume = Resume(1, b"d" * 16, 1, ASYNCHRONOUS)
    assert end.receive(Batch([resume]), 0) == [resume]
    assert end.gather(0) is None
    assert end.receive(Batch([Resumed(0)]), 0) == [Resumed(0)]
    assert end.gather(0) == Batch([Subscribed(1)], 0)


def test_frames_without_number_are_not_counted() -> None:
    end = accepted()
    end.gather(0)
    end.receive(Batch([Resume(1, b"d" * 16, 1, ASYNCHRONOUS), Resumed(0), Reply(1, 1)]), 0)
    assert end.heartbeat(0) == Batch([], 0, ack=1)


@pytest.mark.parametrize("resumed", [False, True])
def test_a_worker_out_of_turn_loses_its_stream(resumed: bool) -> None:
    end = accepted()
    end.gather(0)
    if resumed:
        end.receive(Batch([Resumed(0)]), 0)
    with pytest.raises(TrunklineError) as caught:
        end.receive(Batch([Resumed(0) if resumed else Reply(1, 1)]), 0)
    assert caught.value.reason == ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION


# --- deliveries on a living link ---


def test_the_core_acknowledges_too() -> None:
    link = linked(1)
    link.worker.send(Reply(1, 1, b"{}"))
    link.settle()
    assert link.core.due_ms() == link.now + ACK_MS
    link.later(ACK_MS)
    assert link.core.due_ms() is None
    assert link.worker.unacked_bytes == 0


def test_what_could_not_be_taken_is_not_sent() -> None:
    end = core_end()
    with pytest.raises(TrunklineError) as caught:
        end.send(deliver(1, size=MAX_FRAME_BYTES))
    assert caught.value.reason == ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE
    with pytest.raises(TrunklineError):
        end.send(DeviceCallAnswer(1, 1, b"x" * MAX_FRAME_BYTES))


@pytest.mark.parametrize("size", [2, 10_000])
def test_a_delivery_is_taken_back_while_it_waits(size: int) -> None:
    link = linked(1, 2)
    link.core.send(deliver(7, 1, size=size))
    link.core.send(deliver(7, 2, size=size))
    assert link.core.take_back(1, 7)
    assert not link.core.take_back(1, 7)
    link.settle()
    assert link.take_worker() == [deliver(7, 2, size=size)]
    assert not link.core.take_back(2, 7)


def test_an_overdue_delivery_is_not_sent_but_told() -> None:
    link = linked(1)
    link.core.send(deliver(1, deadline_ms=link.now))
    link.core.send(deliver(2, deadline_ms=link.now + 1))
    link.settle()
    assert [frame.request_id for frame in link.take_worker() if isinstance(frame, Deliver)] == [2]
    link.later(ACK_MS)
    assert link.take_core() == [Written(1, 2), NotWritten(1, 1)]
    assert not link.core.take_back(1, 1)


def test_many_overdue_deliveries_hold_nothing_up() -> None:
    link = linked(1)
    for request_id in range(BATCH_FRAMES):
        link.core.send(deliver(request_id, deadline_ms=link.now))
    link.core.send(deliver(BATCH_FRAMES))
    woken: list[None] = []
    link.core.wake = lambda: woken.append(None)
    assert not link.core_writes()
    assert woken
    assert link.core_writes()


def test_an_overdue_delivery_can_still_be_taken_back() -> None:
    link = linked(1)
    link.core.send(deliver(1, deadline_ms=link.now))
    assert not link.core_writes()
    assert link.core.take_back(1, 1)
    link.cut()
    assert link.take_core() == []


def test_an_unacknowledged_delivery_waits_for_its_ack() -> None:
    link = linked(1, 2)
    for request_id, session in ((1, 1), (2, 2), (3, 1)):
        link.core.send(deliver(request_id, session))
    assert link.core.unacked(1) == []
    link.settle()
    assert link.core.unacked(1) == [1, 3]
    link.later(ACK_MS)
    assert link.core.unacked(1) == []


def test_an_impossible_ack_ends_the_stream() -> None:
    link = linked(1)
    with pytest.raises(TrunklineError) as caught:
        link.core.receive(Batch([], 0, ack=1_000), link.now)
    assert caught.value.reason == ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION


def test_what_was_reported_not_sent_is_never_written() -> None:
    link = linked(1)
    link.core.send(deliver(1))
    link.core_writes()
    (delivery,) = link.worker_reads()
    assert isinstance(delivery, Deliver)
    report = DeliveryReport(1, 1, DeliveryState.DELIVERY_STATE_NOT_SENT)
    link.worker.send(report)
    batch = link.worker.gather(link.now)
    assert batch is not None
    ack, batch.ack = batch.ack, 0
    assert link.core.receive(batch, link.now) == [report]  # the ack waits for other reports
    assert link.core.unacked(1) == []
    link.core.send(deliver(1))
    link.core_writes()
    assert link.core.receive(Batch([], ack=ack), link.now) == []
    assert link.core.receive(Batch([], ack=ack + 1), link.now) == [Written(1, 1)]


# --- broken links ---


def test_what_was_never_written_comes_back_when_the_link_breaks() -> None:
    link = linked(1)
    link.core.send(deliver(1))
    link.core.send(Withdraw(1, 5))
    link.cut()
    assert link.take_core() == [NotWritten(1, 1)]
    link.link()
    assert not [frame for frame in link.take_worker() if isinstance(frame, Deliver | Withdraw)]


def test_the_next_hello_tells_what_never_got_there() -> None:
    link = linked(1)
    link.core.send(deliver(1))
    link.core_writes()
    link.worker_reads()
    link.core.send(deliver(2))
    link.core_writes()
    link.cut()
    assert link.take_core() == []
    assert link.core.unacked(1) == [1, 2]
    assert not link.core.take_back(1, 2)
    link.link()
    got = link.take_core()
    assert got[0] == NotWritten(1, 2)
    assert got[-1] == Written(1, 1)
    assert link.core.unacked(1) == []


def test_what_the_worker_has_to_say_of_a_delivery_is_said_after_a_break_too() -> None:
    link = linked(1)
    link.core.send(deliver(1))
    link.core_writes()
    link.worker_reads()
    report = DeliveryReport(1, 1, DeliveryState.DELIVERY_STATE_NOT_SENT)
    link.worker.send(report)
    link.cut()
    link.link()
    got = link.take_core()
    assert report in got
    assert Written(1, 1) not in got


def test_of_a_forgotten_session_the_hello_tells_at_once() -> None:
    link = linked(1, 2)
    link.core.send(deliver(1, 1))
    link.core.send(deliver(2, 2))
    link.core_writes()
    link.worker_reads()
    link.cut()
    link.core.forget(1)
    link.connect()
    link.worker_writes()
    assert link.core_reads() == [Written(1, 1)]


def test_a_withdrawal_during_a_break_is_for_the_hello_to_settle() -> None:
    link = linked(1)
    link.core.send(deliver(1))
    link.core_writes()
    link.cut()
    link.core.send(Withdraw(1, 1))
    link.link()
    assert NotWritten(1, 1) in link.take_core()
    assert not [frame for frame in link.take_worker() if isinstance(frame, Withdraw)]


def test_other_frames_are_written_again_in_their_order() -> None:
    link = linked(1, 2, 3)
    for session in (1, 2, 3):
        link.core.send(CloseSession(session, SUPERSEDED))
        link.core_writes()
        if session == 1:
            link.worker_reads()
    link.core.send(Subscribed(3))
    link.cut()
    link.take_worker()
    link.link()
    assert link.take_worker()[1:] == [CloseSession(2, SUPERSEDED), CloseSession(3, SUPERSEDED), Subscribed(3)]


def test_sessions_whose_connected_did_not_arrive_are_unheard() -> None:
    link = linked(1)
    link.worker.send(Connect(2, ASYNCHRONOUS, 16, access_token="token"))
    link.worker.send(Connect(3, ASYNCHRONOUS, 16, access_token="token"))
    link.settle()
    link.core.send(Connected(2, b"e" * 16, 2, "device", 1, b"p" * 16))
    link.core_writes()
    link.core.send(Connected(3, b"f" * 16, 3, "device", 1, b"p" * 16))
    link.cut()
    assert link.core.unheard_sessions() == {2, 3}
    link.connect()
    link.worker_writes()
    link.core_reads()
    assert link.core.unheard_sessions() == {2, 3}
    link.settle()
    link.later(ACK_MS)
    assert link.core.unheard_sessions() == set()


def test_a_hello_that_names_another_core_has_handled_nothing_of_this_one() -> None:
    link = linked(1)
    link.core.send(Subscribed(1))
    link.settle()
    link.cut()
    assert link.core.accept(LinkHello(0, "w", b"i" * 16, "mqtt", b"another core", 50), 0) == []
    link.core.gather(0)
    link.core.receive(Batch([Resumed(0)]), 0)
    batch = link.core.gather(0)
    assert batch is not None
    assert batch.frames == [Subscribed(1)]
    assert link.core.receive(Batch([], 0, ack=1), 0) == []


def test_an_end_that_replaces_a_forgotten_one_goes_on_from_the_stated_number() -> None:
    end = core_end()
    end.accept(LinkHello(0, "w", b"i" * 16, "mqtt", CORE, 50), 0)
    end.gather(0)
    end.receive(Batch([Resumed(0)], 0, ack=50), 0)
    end.send(deliver(1))
    end.gather(0)
    assert end.receive(Batch([], 0, ack=51), 0) == [Written(1, 1)]
