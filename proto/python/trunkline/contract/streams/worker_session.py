"""One session as its worker's end of the link knows it: enough to open it again, on this core or on another."""

from typing import Final

from trunkline.contract.streams.frames import (
    Connect,
    Connected,
    Deliver,
    DeliveryReport,
    Resume,
    Subscribe,
    Unsubscribe,
    WorkerFrame,
)
from trunkline.contract.streams.outbox import frame_bytes
from trunkline.v1.transport_service_pb2 import Acknowledgement, SessionKind

BEHIND_BYTES: Final = 64 * 1024
"""What a session may send behind its unanswered Connect; one frame may be larger."""

KEPT_REPLIES: Final = 16
"""A session with so many replies that wait for the store is not read."""

LIGHT_IDS: Final = 1024
"""Of so many of its latest request ids a session remembers that they were not of stored calls."""

_EXPLICIT: Final = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
_UNSUBSCRIBED: Final = Acknowledgement.ACKNOWLEDGEMENT_UNSPECIFIED

_LIGHT_MASK: Final = (1 << LIGHT_IDS) - 1


class WorkerSession:
    """What passed on one session. Small: a worker holds one for each connected device."""

    __slots__ = (
        "_light",
        "_light_top",
        "acknowledgement",
        "asked",
        "attributes",
        "behind",
        "behind_bytes",
        "connect",
        "credentials_version",
        "device_id",
        "epoch",
        "has_children",
        "kept_replies",
        "kind",
        "lane",
        "max_inflight",
        "open",
        "over",
        "overdue",
        "parent",
        "peer_address",
    )

    def __init__(self, connect: Connect) -> None:
        self.connect: Connect | None = connect
        """Until it is answered."""
        self.behind: list[WorkerFrame] | None = []
        """What was sent behind the unanswered Connect."""
        self.behind_bytes = 0
        self.kind: SessionKind.ValueType = connect.kind
        self.max_inflight = connect.max_inflight
        self.peer_address = connect.peer_address
        self.parent = 0 if connect.child is None else connect.child.parent_session
        self.lane = self.parent or connect.session
        """Children share their parent's place in the outbox: nothing of theirs may pass its Disconnected."""
        self.has_children = False
        self.device_id = b""
        self.epoch = 0
        """0: no core knows this session yet."""
        self.credentials_version = 0
        self.asked: list[tuple[Subscribe, bool, bool]] | None = None
        """Unanswered subscriptions, and whether each still is to give RPC and attributes."""
        self.acknowledgement: Acknowledgement.ValueType = _UNSUBSCRIBED
        """Of the RPC subscription that holds; unspecified: there is none, and deliveries are not sent."""
        self.attributes = False
        self.open: list[int] | None = None
        """Deliveries to an EXPLICIT session without final report; a call that was sent again stands here twice."""
        self.overdue: list[DeliveryReport] | None = None
        """For each of these that was not acknowledged in time the report of that, for a core that has not heard it."""
        self.kept_replies = 0
        """How many replies wait for ReplyStored."""
        self.over = False
        """Its Disconnected was sent, but may not have been handled."""
        self._light_top = 0
        self._light = 0
        """Bit n: the request id `_light_top` − n was delivered and not durable."""

    @property
    def readable(self) -> bool:
        """Whether the device's socket may be read, as far as this session's own bounds go."""
        if self.behind is not None and self.behind_bytes >= BEHIND_BYTES:
            return False
        return self.kept_replies < KEPT_REPLIES

    def send_behind(self, frame: WorkerFrame) -> None:
        """Remember a frame that follows the unanswered Connect."""
        assert self.behind is not None  # the Connect is unanswered
        self.behind.append(frame)
        self.behind_bytes += frame_bytes(frame)

    def connected(self, frame: Connected) -> None:
        """The core let the device in."""
        self.connect = None
        self.behind = None
        self.device_id = frame.device_id
        self.epoch = frame.epoch
        self.credentials_version = frame.credentials_version

    def ask(self, frame: Subscribe) -> None:
        """A subscription was sent; it holds once it is answered."""
        if self.asked is None:
            self.asked = []
        self.asked.append((frame, frame.rpc, frame.attributes))

    def subscribed(self) -> None:
        """The oldest unanswered subscription holds."""
        if self.asked:
            self.grant(*self.asked.pop(0))
            if not self.asked:
                self.asked = None

    def grant(self, frame: Subscribe, rpc: bool, attributes: bool) -> None:
        """The core knows of this subscription."""
        if rpc:
            self.acknowledgement = frame.acknowledgement
        if attributes:
            self.attributes = True

    def unsubscribe(self, frame: Unsubscribe) -> None:
        """A subscription ends, one that was not answered yet too."""
        if frame.rpc:
            self.acknowledgement = _UNSUBSCRIBED
        if frame.attributes:
            self.attributes = False
        if self.asked:
            self.asked = [
                (asked, rpc and not frame.rpc, attributes and not frame.attributes)
                for asked, rpc, attributes in self.asked
            ]

    def delivered(self, frame: Deliver) -> None:
        """A delivery goes to the device. Remember it while it is open, and that its call was plainly lightweight."""
        request_id = frame.request_id
        if self.acknowledgement == _EXPLICIT:
            if self.open is None:
                self.open = []
            self.open.append(request_id)
        if frame.durable:
            return
        ahead = request_id - self._light_top
        if ahead > 0:
            self._light_top = request_id
            self._light = ((self._light << ahead) | 1) & _LIGHT_MASK if ahead < LIGHT_IDS else 1
        elif ahead > -LIGHT_IDS:
            self._light |= 1 << -ahead

    def is_light(self, request_id: int) -> bool:
        """Whether a reply to this id may be forgotten once it is written."""
        behind = self._light_top - request_id
        return 0 <= behind < LIGHT_IDS and self._light >> behind & 1 == 1

    def unacknowledged(self, report: DeliveryReport) -> None:
        """The report was sent that a delivery was not acknowledged in time; it stays open."""
        others = [other for other in self.overdue or () if other.request_id != report.request_id]
        self.overdue = [*others, report]

    def reported(self, request_id: int) -> None:
        """The final report on a delivery was sent."""
        if self.open and request_id in self.open:
            self.open.remove(request_id)
            if self.overdue is not None:
                self.overdue = [report for report in self.overdue if report.request_id in self.open] or None

    def resume(self, session: int) -> Resume:
        """How a core hears of this session after a break. A session that is over takes no more deliveries: it is
        named so that the core still handles what the device said."""
        subscribed = self.acknowledgement != _UNSUBSCRIBED
        return Resume(
            session,
            self.device_id,
            self.epoch,
            self.kind,
            subscribed and not self.over,
            self.attributes and not self.over,
            self.acknowledgement,
            self.max_inflight,
            self.credentials_version,
            self.parent,
            self.peer_address,
            tuple(self.open or ()),
        )
