"""All sessions of a worker, and what a core must hear of them after a break."""

from trunkline.contract.streams.frames import (
    CloseSession,
    Connect,
    Connected,
    DeliveryReport,
    DeviceCall,
    DeviceData,
    Disconnected,
    Drain,
    GatewayChild,
    Refused,
    Reply,
    ReplyStored,
    Resume,
    Resumed,
    Subscribe,
    Subscribed,
    WorkerFrame,
)
from trunkline.contract.streams.kept_replies import KeptReplies
from trunkline.contract.streams.outbox import Outbox
from trunkline.contract.streams.worker_session import WorkerSession
from trunkline.contract.streams.worker_sessions import WorkerSessions
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import (
    Acknowledgement,
    DataKind,
    DeliveryState,
    DisconnectCause,
    SessionKind,
)

ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS
ONE_SHOT = SessionKind.SESSION_KIND_ONE_SHOT
CLIENT = DisconnectCause.DISCONNECT_CAUSE_CLIENT


class Table:
    """The sessions with their outbox, and shorthand for what frames do to them."""

    def __init__(self) -> None:
        self.outbox: Outbox[WorkerFrame] = Outbox()
        self.replies = KeptReplies()
        self.sessions = WorkerSessions(self.outbox, self.replies)

    def connect(self, number: int, kind: SessionKind.ValueType = ASYNCHRONOUS, parent: int = 0) -> Connect:
        child = GatewayChild(parent, f"child {number}") if parent else None
        frame = Connect(number, kind, 16, access_token=None if parent else "token", child=child)
        assert self.sessions.connect(frame) is not None
        return frame

    def connected(self, number: int, parent: int = 0) -> WorkerSession:
        self.connect(number, parent=parent)
        assert self.sessions.passes(Connected(number, b"%16d" % number, number, "device", 1, b"p" * 16))
        return self.sessions.by_number[number]

    def end(self, number: int) -> bool:
        return self.sessions.end(number, self.sessions.by_number[number])

    def known(self) -> list[WorkerFrame]:
        return self.sessions.known_to_core()


def data(session: int) -> DeviceData:
    return DeviceData(session, 0, DataKind.DATA_KIND_TELEMETRY, b"{}")


def test_the_list_names_what_has_an_epoch_parents_before_children() -> None:
    table = Table()
    table.connected(1)
    table.connect(2)
    table.connected(3, parent=1)
    resumes = table.known()
    assert isinstance(resumes[-1], Resumed)
    assert [(r.session, r.parent_session) for r in resumes if isinstance(r, Resume)] == [(1, 0), (3, 1)]


def test_a_session_stays_until_its_end_was_handled() -> None:
    table = Table()
    table.connected(1)
    assert table.end(1)
    assert [frame.session for frame in table.known()] == [1, 0]
    table.sessions.handled([data(1), Disconnected(1, CLIENT)])
    assert [frame.session for frame in table.known()] == [0]
    assert table.sessions.ending == 0


def test_children_end_with_their_parent() -> None:
    table = Table()
    table.connected(1)
    child = table.connected(2, parent=1)
    assert table.end(1)
    assert child.over
    assert table.sessions.ending == 2
    assert table.sessions.connect(Connect(3, ASYNCHRONOUS, 1, child=GatewayChild(1, "late"))) is None
    table.sessions.handled([Disconnected(1, CLIENT)])
    assert not table.sessions.by_number
    assert table.sessions.ending == 0


def test_frames_about_sessions_that_are_gone_do_not_pass() -> None:
    table = Table()
    close = CloseSession(1, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED)
    assert not table.sessions.passes(close)
    table.connected(1)
    assert table.sessions.passes(close)
    table.end(1)
    assert not table.sessions.passes(close)
    assert table.sessions.passes(Drain(0, 1_000))


def test_a_session_that_no_core_heard_of_leaves_no_trace() -> None:
    table = Table()
    table.outbox.put(table.connect(1), 1)
    behind = data(1)
    table.sessions.by_number[1].send_behind(behind)
    table.outbox.put(behind, 1)
    assert not table.end(1)
    assert (len(table.outbox), table.sessions.by_number, table.sessions.ending) == (0, {}, 0)


def test_a_one_shot_session_is_told_of_even_after_its_end() -> None:
    table = Table()
    table.outbox.put(table.connect(1, ONE_SHOT), 1)
    assert table.end(1)
    assert len(table.outbox) == 1


def test_a_refused_session_says_nothing_more() -> None:
    table = Table()
    table.connect(1)
    behind = data(1)
    table.sessions.by_number[1].send_behind(behind)
    table.outbox.put(behind, 1)
    assert table.sessions.passes(Refused(1, ErrorReason.ERROR_REASON_BAD_CREDENTIALS))
    assert len(table.outbox) == 0
    assert table.sessions.again([data(1)], known=True) == []


def test_the_same_core_gets_again_what_it_missed() -> None:
    table = Table()
    table.connected(1)
    missed: list[WorkerFrame] = [data(1), DeviceCall(1, 1, "m", b"{}", 1_000), Disconnected(1, CLIENT)]
    table.end(1)
    assert table.sessions.again(missed, known=True) == missed


def test_another_core_gets_no_call_that_a_device_made_before() -> None:
    table = Table()
    table.connected(1)
    told = data(1)
    assert table.sessions.again([told, DeviceCall(1, 1, "m", b"{}", 1_000)], known=False) == [told]


def test_another_core_hears_again_of_unanswered_connects_and_subscriptions() -> None:
    table = Table()
    connect = table.connect(1)
    subscribe = Subscribe(1, True, False, Acknowledgement.ACKNOWLEDGEMENT_IMPLIED)
    table.sessions.by_number[1].ask(subscribe)
    told = data(1)
    assert table.sessions.again([told], known=False) == [connect, subscribe, told]


def test_another_core_hears_of_each_thing_once() -> None:
    table = Table()
    connect = table.connect(1)
    subscribe = Subscribe(1, True, False, Acknowledgement.ACKNOWLEDGEMENT_IMPLIED)
    table.sessions.by_number[1].ask(subscribe)
    table.outbox.put(subscribe, 1)
    assert table.sessions.again([connect], known=False) == [connect]


def test_what_the_same_core_handled_holds_before_its_answer_comes() -> None:
    table = Table()
    session = table.connected(1)
    session.ask(Subscribe(1, True, False, Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT))
    assert table.sessions.again([], known=True) == []
    resume = table.known()[0]
    assert isinstance(resume, Resume)
    assert resume.rpc_subscribed
    assert table.sessions.passes(Subscribed(1))
    assert session.acknowledgement == Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT


def test_a_session_that_ended_before_it_was_let_in_is_not_told_of_again() -> None:
    table = Table()
    connect = table.connect(1)
    end = Disconnected(1, CLIENT)
    table.sessions.by_number[1].send_behind(end)
    table.outbox.put(end, 1)
    assert table.end(1)
    assert table.sessions.again([connect, data(1)], known=True) == []
    assert len(table.outbox) == 0


def test_kept_replies_are_told_again_with_their_device() -> None:
    table = Table()
    session = table.connected(1)
    reply = Reply(1, 7, b"{}")
    assert table.replies.add(reply, 1_000)
    session.kept_replies += 1
    table.end(1)
    assert table.sessions.again([], known=True) == [reply]
    assert reply.device_id == session.device_id
    table.sessions.handled([Disconnected(1, CLIENT)])
    assert table.sessions.again([], known=False) == [reply]
    assert not table.sessions.passes(ReplyStored(1, 7))
    assert len(table.replies) == 0


def test_reports_are_told_again_whatever_became_of_their_session() -> None:
    report = DeliveryReport(9, 7, DeliveryState.DELIVERY_STATE_NOT_SENT)
    assert Table().sessions.again([report], known=True) == [report]


def test_a_stored_reply_makes_room_on_its_session() -> None:
    table = Table()
    session = table.connected(1)
    table.replies.add(Reply(1, 7), 1_000)
    session.kept_replies += 1
    assert table.sessions.passes(ReplyStored(1, 7))
    assert table.sessions.passes(ReplyStored(1, 7))
    assert session.kept_replies == 0
