"""The owners of a link's ends, reduced to what the ends promise them: they keep the books that the tests compare."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from doubles.scripted_link import ScriptedLink

from trunkline.contract.streams.core_end import Effect as CoreEffect
from trunkline.contract.streams.core_end import NotWritten, Written
from trunkline.contract.streams.frames import (
    CloseSession,
    Connect,
    Connected,
    CoreFrame,
    Deliver,
    DeliveryReport,
    DeviceCall,
    DeviceData,
    Disconnected,
    Refused,
    Reply,
    ReplyStored,
    Resume,
    Resumed,
    Subscribe,
    Subscribed,
    Unsubscribe,
    WorkerFrame,
)
from trunkline.contract.streams.worker_end import Effect as WorkerEffect
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, DisconnectCause, SessionKind

EXPLICIT: Final = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
NOT_SENT: Final = DeliveryState.DELIVERY_STATE_NOT_SENT
NOT_ACKNOWLEDGED: Final = DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED
CLIENT: Final = DisconnectCause.DISCONNECT_CAUSE_CLIENT
TWOWAY: Final = CallKind.CALL_KIND_TWO_WAY

FAR: Final = 1 << 40
"""A deadline that no script reaches."""


@dataclass
class Call:
    """One call as the core's books have it."""

    session: int
    state: str = "unsent"
    sent_as: int = 0
    """The acknowledgement that held when it was last sent."""

    @staticmethod
    def durable(request_id: int) -> bool:
        """Whether it is a stored one: every third is."""
        return request_id % 3 == 0


@dataclass
class CoreBooks:
    """A core reduced to what the ends promise it: sessions, calls, and what devices said."""

    link: ScriptedLink
    sessions: dict[int, int] = field(default_factory=dict)
    """Session → acknowledgement of its subscription, 0: none."""
    suspended: set[int] = field(default_factory=set)
    looking_up: dict[int, list[WorkerFrame]] = field(default_factory=dict)
    """Connects that are being looked up, with what came behind them."""
    refused: set[int] = field(default_factory=set)
    calls: dict[int, Call] = field(default_factory=dict)
    heard: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Session → what its device said, once its Connect was answered."""
    handled: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The same, before as well: what came behind a Connect that is being looked up is handled too."""
    asked: list[int] = field(default_factory=list)
    """The calls that devices made."""
    unstored: list[tuple[int, int]] = field(default_factory=list)
    """Session and request id of replies that the worker keeps until they are stored."""
    stored: set[int] = field(default_factory=set)
    """Request ids of replies that are."""
    unacknowledged: set[int] = field(default_factory=set)
    """Request ids of deliveries that were reported so."""
    named: set[int] = field(default_factory=set)
    epoch: int = 0

    def handle(self, effects: Sequence[CoreEffect]) -> None:
        for effect in effects:
            if isinstance(effect, Written):
                call = self.calls.get(effect.request_id)
                if call is not None and call.state == "sent":
                    call.state = "written"
            elif isinstance(effect, NotWritten):
                assert self.calls[effect.request_id].state == "sent"
                self.calls[effect.request_id].state = "unsent"
            elif isinstance(effect, WorkerFrame):
                self.handle_frame(effect)

    def handle_frame(self, frame: WorkerFrame) -> None:
        session = frame.session
        if isinstance(frame, Connect):
            if session not in self.sessions and session not in self.looking_up:
                self.looking_up[session] = []
            return
        if isinstance(frame, Resume):
            self.named.add(session)
            self.sessions[session] = frame.acknowledgement if frame.rpc_subscribed else 0
            self.suspended.discard(session)
            return
        if isinstance(frame, Resumed):
            for left in set(self.sessions) - self.named - self.link.core.unheard_sessions():
                del self.sessions[left]
            self.named.clear()
            self.suspended.clear()
            return
        if isinstance(frame, Reply):
            assert frame.keep or not Call.durable(frame.request_id), "nobody keeps a stored call's reply"
            if frame.keep:
                self.unstored.append((session, frame.request_id))
            return
        if isinstance(frame, DeliveryReport):
            if frame.state == NOT_ACKNOWLEDGED:
                self.unacknowledged.add(frame.request_id)
            call = self.calls.get(frame.request_id)
            if frame.state == NOT_SENT and call is not None:
                assert call.state != "written", "an ack said sent before the report to the contrary came"
                call.state = "unsent"
            return
        if isinstance(frame, DeviceData):
            self.handled[session].add(frame.id)
        if session in self.looking_up:
            self.looking_up[session].append(frame)
            return
        if session in self.refused:
            return
        assert session in self.sessions, f"a frame of an unknown session: {frame}"
        if isinstance(frame, Subscribe):
            self.sessions[session] = frame.acknowledgement
            self.link.core.send(Subscribed(session))
        elif isinstance(frame, Unsubscribe):
            self.sessions[session] = 0
        elif isinstance(frame, Disconnected):
            del self.sessions[session]
        elif isinstance(frame, DeviceCall):
            self.asked.append(frame.id)
        elif isinstance(frame, DeviceData):
            self.heard[session].append(frame.id)

    def admit(self, session: int, *, good: bool) -> None:
        behind = self.looking_up.pop(session)
        if not good:
            self.refused.add(session)
            self.link.core.send(Refused(session, ErrorReason.ERROR_REASON_BAD_CREDENTIALS))
            return
        self.epoch += 1
        self.sessions[session] = 0
        self.link.core.send(Connected(session, b"d" * 16, self.epoch, "device", 1, b"p" * 16))
        for frame in behind:
            self.handle_frame(frame)

    def broken(self) -> None:
        self.suspended = set(self.sessions)

    def deliverable(self) -> list[int]:
        return [
            session for session, subscribed in self.sessions.items() if subscribed and session not in self.suspended
        ]

    def retriable(self) -> list[int]:
        ready = set(self.deliverable())
        return [
            request_id for request_id, call in self.calls.items() if call.state == "unsent" and call.session in ready
        ]

    def deliver(self, request_id: int, session: int, size: int) -> None:
        call = self.calls.setdefault(request_id, Call(session))
        call.state = "sent"
        call.sent_as = self.sessions[session]
        prompt, durable = request_id % 2 == 0, Call.durable(request_id)
        self.link.core.send(Deliver(session, request_id, "m", b"x" * size, FAR, TWOWAY, durable=durable, prompt=prompt))

    def store(self, session: int, request_id: int) -> None:
        self.unstored.remove((session, request_id))
        self.stored.add(request_id)
        self.link.core.send(ReplyStored(session, request_id))

    def take_back(self, request_id: int) -> None:
        call = self.calls.get(request_id)
        if call is not None and call.state == "sent" and self.link.core.take_back(call.session, request_id):
            call.state = "unsent"


@dataclass
class WorkerBooks:
    """An endpoint reduced to what the ends promise it."""

    link: ScriptedLink
    connected: set[int] = field(default_factory=set)
    over: set[int] = field(default_factory=set)
    asked: dict[int, list[Subscribe]] = field(default_factory=lambda: defaultdict(list))
    acknowledgement: dict[int, int] = field(default_factory=dict)
    written: Counter[int] = field(default_factory=Counter)
    written_as: dict[int, int] = field(default_factory=dict)
    unanswered: dict[int, int] = field(default_factory=dict)
    """Request id → session of deliveries without a reply."""
    answered: set[int] = field(default_factory=set)
    """Stored calls with one."""
    open: dict[int, int] = field(default_factory=dict)
    """Request id → session of deliveries that want a report."""
    overdue: set[int] = field(default_factory=set)
    """Those of them that were reported unacknowledged."""
    full: bool = False
    """The device's buffer is full: nothing more is delivered."""
    fragile: bool = False
    """Devices' connections break as soon as something is written to them."""

    def handle(self, effects: Sequence[WorkerEffect]) -> None:
        over = set(self.over)
        for effect in effects:
            if isinstance(effect, CoreFrame):
                assert effect.session not in over, "a session that is over is not talked to"
                if effect.session in self.over and not isinstance(effect, Deliver):
                    continue  # it ended while this batch is handled
            if isinstance(effect, Connected):
                self.connected.add(effect.session)
            elif isinstance(effect, Refused | CloseSession):
                self.end_session(effect.session)
            elif isinstance(effect, Subscribed):
                self.acknowledgement[effect.session] = self.asked[effect.session].pop(0).acknowledgement
            elif isinstance(effect, Deliver):
                if self.fragile and effect.session not in self.over:
                    self.end_session(effect.session)
                if self.full or self.fragile:
                    self.link.worker.send(DeliveryReport(effect.session, effect.request_id, NOT_SENT))
                else:
                    self.written[effect.request_id] += 1
                    self.unanswered[effect.request_id] = effect.session
                    self.written_as[effect.request_id] = self.acknowledgement[effect.session]
                    if self.acknowledgement[effect.session] == EXPLICIT:
                        self.open[effect.request_id] = effect.session

    def reply(self, request_id: int) -> None:
        session = self.unanswered.pop(request_id)
        assert self.link.worker.send(Reply(session, request_id, b"{}"))
        if Call.durable(request_id):
            self.answered.add(request_id)

    def report_overdue(self, request_id: int) -> None:
        assert self.link.worker.send(DeliveryReport(self.open[request_id], request_id, NOT_ACKNOWLEDGED))
        self.overdue.add(request_id)

    def open_session(self, session: int, kind: SessionKind.ValueType) -> None:
        self.link.worker.send(Connect(session, kind, 16, access_token="token"))

    def subscribe(self, session: int, acknowledgement: Acknowledgement.ValueType) -> None:
        frame = Subscribe(session, True, False, acknowledgement)
        self.asked[session].append(frame)
        self.link.worker.send(frame)

    def end_session(self, session: int) -> None:
        self.over.add(session)
        self.link.worker.send(Disconnected(session, CLIENT))
