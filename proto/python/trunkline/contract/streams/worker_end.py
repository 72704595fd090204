"""The worker's end of the link: numbers, acks, and what a core must hear again after a break. Pure: no clock, no I/O.

It watches the frames that pass, so that it alone can tell a core, the same or another, of every session: the worker's
shell and the endpoints never think about broken links.
"""

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Final

import msgspec

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.end import HEARTBEAT_MS, nothing, silence_ms
from trunkline.contract.streams.frames import (
    Activity,
    Batch,
    Connect,
    Connected,
    CoreFrame,
    Deliver,
    DeliveryReport,
    DeviceCall,
    DeviceData,
    Disconnected,
    LinkHello,
    ProfileChanged,
    Reply,
    Subscribe,
    Unsubscribe,
    Welcome,
    WorkerFrame,
)
from trunkline.contract.streams.kept_replies import KeptReplies
from trunkline.contract.streams.numbering import Numbering
from trunkline.contract.streams.outbox import BATCH_BYTES, BATCH_FRAMES, BULK_FRAME_BYTES, Outbox, frame_bytes
from trunkline.contract.streams.wire import Unreadable
from trunkline.contract.streams.worker_session import WorkerSession
from trunkline.contract.streams.worker_sessions import WorkerSessions
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState

DEFAULT_FRAME_BYTES: Final = 2 * 1024 * 1024
DEFAULT_UNACKED_BYTES: Final = 16 * 1024 * 1024
"""What holds before the first core said its own."""

ACTIVE_SESSIONS: Final = 8192
"""So many sessions one Activity names."""

_UNSUBSCRIBED: Final = Acknowledgement.ACKNOWLEDGEMENT_UNSPECIFIED
_NOT_SENT: Final = DeliveryState.DELIVERY_STATE_NOT_SENT
_NOT_ACKNOWLEDGED: Final = DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED


class Linked(msgspec.Struct, frozen=True):
    """A core welcomed us. `new_core`: it knows nothing of this worker yet, such as after its restart; device calls
    that were written to its predecessor get no answer any more."""

    core_id: bytes
    new_core: bool


class Unlinked(msgspec.Struct, frozen=True):
    """The link is down; frames may be sent all the same and wait."""


class ReadOn(msgspec.Struct, frozen=True):
    """`reading` is True again: device sockets that were not read for want of space may be."""


Effect = CoreFrame | Unreadable | Linked | Unlinked | ReadOn


class _Stage(Enum):
    """How far a connection has got."""

    DOWN = auto()
    GREETING = auto()
    """Hello is to be written."""
    GREETED = auto()
    """The welcome is awaited."""
    LINKED = auto()


class WorkerEnd:
    """One per worker process. `send` at any time; the pump does the rest and hands over what `receive` returns.

    The owner handles what `receive` returns in order and at once: the frames about living sessions, and the effects
    above. A delivery must be written to the device's socket or bounded buffer then, or answered with a NOT_SENT
    report: the next batch acknowledges it.
    """

    def __init__(self, worker_id: str, transport: str, incarnation: bytes) -> None:
        """`incarnation`: 16 random bytes, new with every start of the process."""
        self.wake: Callable[[], None] = nothing
        self.heartbeat_ms = HEARTBEAT_MS
        self.silence_ms = silence_ms(DEFAULT_FRAME_BYTES)
        self.max_frame_bytes = DEFAULT_FRAME_BYTES
        self.max_unacked_bytes = DEFAULT_UNACKED_BYTES
        self.reading = True
        """False: too much waits to be acknowledged; read no device sockets until ReadOn comes."""
        self._worker_id = worker_id
        self._transport = transport
        self._incarnation = incarnation
        self._core_id = b""
        self._stage = _Stage.DOWN
        self._outbox: Outbox[WorkerFrame] = Outbox()
        self._numbers: Numbering[WorkerFrame] = Numbering()
        self._replies = KeptReplies()
        self._sessions = WorkerSessions(self._outbox, self._replies)
        self._by_number = self._sessions.by_number
        self._list: deque[WorkerFrame] = deque()
        """What is left of the list of sessions that follows the welcome; its frames have no numbers."""
        self._again: deque[WorkerFrame] = deque()
        """To be written again, before what waits in the outbox."""
        self._again_bytes = 0
        self._active: set[int] = set()
        self._room = DEFAULT_UNACKED_BYTES
        """What may wait in the outbox, beside what waits to be acknowledged."""
        self._unsaid = 0
        """NOT_SENT reports not yet written on this connection: no ack may pass them."""
        self._timed = False
        """A DeviceCall may wait, so look for expired ones."""

    # --- what the owner does ---

    def send(self, frame: WorkerFrame) -> bool:
        """Queue a frame; False if it was dropped.

        Dropped is a frame of a session that is over, was refused or never was, and a reply to a stored call beyond
        `max_unacked_bytes` (do not acknowledge that one to the device). NOT_SENT reports always pass. After sending a
        Reply, its `keep` says whether the acknowledgement to the device must wait for ReplyStored. A Disconnected ends
        the session, and those of its children. Raises TrunklineError PAYLOAD_TOO_LARGE for what no core would take.
        """
        session = self._by_number.get(frame.session)
        if session is None or session.over:
            return self._send_without_session(frame, session)
        if isinstance(frame, Reply):
            if len(frame.payload) > BULK_FRAME_BYTES:
                self._check_size(frame)
            if not session.is_light(frame.request_id) and not self._keep(frame, session):
                return False
        elif isinstance(frame, DeliveryReport):
            if frame.state == _NOT_ACKNOWLEDGED:
                session.unacknowledged(frame)
            else:
                session.reported(frame.request_id)
                self._unsaid += frame.state == _NOT_SENT
        elif isinstance(frame, DeviceData):
            self._check_size(frame)
        elif isinstance(frame, DeviceCall):
            self._check_size(frame)
            self._timed = True
        elif isinstance(frame, Subscribe):
            session.ask(frame)
        elif isinstance(frame, Unsubscribe):
            session.unsubscribe(frame)
        elif isinstance(frame, Disconnected) and not self._sessions.end(frame.session, session):
            return True
        if session.behind is not None:
            session.send_behind(frame)
        self._put(frame, session.lane)
        return True

    def reads(self, session: int) -> bool:
        """Whether this session's socket may be read: `reading`, and the session's own bounds.

        Ask again after its Connected, Refused or ReplyStored, and after ReadOn.
        """
        known = self._by_number.get(session)
        return self.reading and (known is None or known.readable)

    @property
    def linked(self) -> bool:
        """Whether a core has welcomed us on the present connection."""
        return self._stage is _Stage.LINKED

    @property
    def unacked_bytes(self) -> int:
        """What waits to be written or acknowledged, in bytes."""
        return self._numbers.bytes + self._outbox.bytes + self._again_bytes

    @property
    def kept_replies(self) -> int:
        """Replies to stored calls of which the core has not said that they are stored."""
        return len(self._replies)

    @property
    def dropped_replies(self) -> int:
        """Replies to stored calls that found no room, since the start."""
        return self._replies.dropped

    # --- what the pump does ---

    def opened(self, now: int) -> None:
        """A connection stands: greet."""
        self._stage = _Stage.GREETING

    def broken(self, now: int) -> list[Effect]:
        """The connection is gone; sessions go on."""
        was_linked = self.linked
        self._stage = _Stage.DOWN
        self._list.clear()
        self._numbers.ack_due_ms = None
        return [Unlinked()] if was_linked else []

    def receive(self, batch: Batch[CoreFrame | Unreadable], now: int) -> list[Effect]:
        """Take a batch; returns what the owner must handle, in order."""
        effects: list[Effect] = []
        numbers = self._numbers
        by_number = self._by_number
        count = 0
        prompt = False
        for frame in batch.frames:
            count += 1
            if isinstance(frame, Deliver):
                session = by_number.get(frame.session)
                if session is None or session.over or session.acknowledgement == _UNSUBSCRIBED:
                    self._report_not_sent(DeliveryReport(frame.session, frame.request_id, _NOT_SENT))
                    continue
                session.delivered(frame)
                prompt = prompt or frame.prompt
                effects.append(frame)
            elif isinstance(frame, Welcome):
                count = 0
                effects.append(self._welcomed(frame))
            elif isinstance(frame, Unreadable) or self._sessions.passes(frame):
                effects.append(frame)
            elif isinstance(frame, Connected) and frame.profile is not None:
                effects.append(ProfileChanged(0, frame.profile))  # it is said once; other sessions may need it
        if count:
            if not self.linked:
                raise TrunklineError(ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION, "The core sent frames unwelcomed")
            numbers.received(count, now)
            if prompt:
                numbers.ack_due_ms = now
                self.wake()
        if batch.ack > numbers.acked:
            handled = numbers.acknowledged(batch.ack)
            if self._sessions.ending:
                self._sessions.handled(handled)
            self._measure()
        if not self.reading and self.unacked_bytes <= self.max_unacked_bytes // 2:
            self.reading = True
            effects.append(ReadOn())
        return effects

    def gather(self, now: int) -> Batch[WorkerFrame] | None:
        """The next batch, if there is something to say."""
        if self._stage is not _Stage.LINKED:
            return self._greet(now)
        if self._list:
            return Batch(_popleft(self._list, BATCH_FRAMES), now, self._ack())
        numbers = self._numbers
        frames, weight = self._take()
        if self._timed:
            frames = [f for f in frames if not isinstance(f, DeviceCall) or f.deadline_ms > now]
            self._timed = bool(self._again or self._outbox.bytes)
            if self._timed and not frames:
                self.wake()  # more waits behind the expired ones
        if self._active:
            frames.append(self._take_activity())
        if frames:
            numbers.written(frames, weight)
            self._measure()
            if self._unsaid:
                self._unsaid -= _not_sent(frames)
        elif numbers.ack_due_ms is None or numbers.ack_due_ms > now:
            return None
        return Batch(frames, now, self._ack())

    def heartbeat(self, now: int) -> Batch[WorkerFrame]:
        """A batch that only says that we live."""
        return Batch([], now, self._ack() if self.linked else 0)

    def due_ms(self) -> int | None:
        """When an ack is due."""
        return self._numbers.ack_due_ms

    # --- greeting ---

    def _greet(self, now: int) -> Batch[WorkerFrame] | None:
        if self._stage is not _Stage.GREETING:
            return None
        self._stage = _Stage.GREETED
        hello = LinkHello(0, self._worker_id, self._incarnation, self._transport, self._core_id, self._numbers.handled)
        return Batch([hello], now)

    def _welcomed(self, welcome: Welcome) -> Linked:
        if self._stage is not _Stage.GREETED:
            raise TrunklineError(ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION, "The core sent a welcome unasked")
        numbers = self._numbers
        known = welcome.core_id == self._core_id and welcome.handled >= numbers.acked
        if welcome.core_id != self._core_id:
            numbers.handled = 0
        if known:
            self._sessions.handled(numbers.acknowledged(welcome.handled))
        self._core_id = welcome.core_id
        self.heartbeat_ms = welcome.heartbeat_ms
        self.silence_ms = silence_ms(welcome.max_frame_bytes, welcome.heartbeat_ms)
        self.max_frame_bytes = welcome.max_frame_bytes
        self.max_unacked_bytes = welcome.max_unacked_bytes
        missed = [*numbers.restart(welcome.handled, known=known), *self._again]
        again = self._sessions.again(missed, known=known)
        self._again = deque(frame for frame in again if self._fits(frame))
        for frame in [frame for frame in self._outbox if not self._fits(frame)]:
            self._outbox.remove(frame)  # accepted under a larger limit, of another core
        self._again_bytes = sum(map(frame_bytes, self._again))
        self._unsaid = _not_sent(self._again) + _not_sent(self._outbox)
        self._list = deque(self._sessions.known_to_core())
        self._measure()
        self._stage = _Stage.LINKED
        self.wake()
        return Linked(welcome.core_id, new_core=not known)

    # --- the way out ---

    def _put(self, frame: WorkerFrame, lane: int) -> None:
        self._outbox.put(frame, lane)
        if self._outbox.bytes >= self._room:
            self.reading = False
        self.wake()

    def _measure(self) -> None:
        self._room = self.max_unacked_bytes - self._numbers.bytes - self._again_bytes

    def _send_without_session(self, frame: WorkerFrame, ended: WorkerSession | None) -> bool:
        if isinstance(frame, Connect):
            session = self._sessions.connect(frame)
            if session is None:
                return False
            self._put(frame, session.lane)
        elif isinstance(frame, Activity):
            self._active.update(frame.sessions)
            self.wake()
        elif isinstance(frame, Reply) and frame.device_id:
            self._check_size(frame)
            if not self._keep(frame, ended):
                return False
            self._put(frame, frame.session)
        elif isinstance(frame, DeliveryReport) and frame.state == _NOT_SENT:
            self._report_not_sent(frame)  # its session ended while a batch with deliveries for it was handled
        else:
            return False
        return True

    def _keep(self, reply: Reply, session: WorkerSession | None) -> bool:
        again = self._replies.has(reply.session, reply.request_id)
        if not self._replies.add(reply, self.max_unacked_bytes):
            return False
        if session is not None and not again:
            session.kept_replies += 1
        return True

    def _fits(self, frame: WorkerFrame) -> bool:
        return frame_bytes(frame) <= self.max_frame_bytes

    def _check_size(self, frame: WorkerFrame) -> None:
        if not self._fits(frame):
            raise TrunklineError(
                ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE,
                f"A frame of {frame_bytes(frame)} bytes is larger than the {self.max_frame_bytes} that the core takes",
            )

    def _report_not_sent(self, report: DeliveryReport) -> None:
        self._outbox.put(report, report.session)
        self._unsaid += 1
        self.wake()

    def _take(self) -> tuple[list[WorkerFrame], int]:
        """The next frames to be numbered, and what they weigh."""
        if not self._again:
            outbox = self._outbox
            waiting = outbox.bytes
            return (outbox.take(), waiting - outbox.bytes) if waiting else ([], 0)
        weight = 0
        frames: list[WorkerFrame] = []
        while self._again and len(frames) < BATCH_FRAMES and weight < BATCH_BYTES:
            frame = self._again.popleft()
            weight += frame_bytes(frame)
            frames.append(frame)
        self._again_bytes -= weight
        return frames, weight

    def _take_activity(self) -> Activity:
        active = self._active
        return Activity(0, tuple(active.pop() for _ in range(min(ACTIVE_SESSIONS, len(active)))))

    def _ack(self) -> int:
        if self._unsaid:
            return 0  # an ack says "sent", so the reports to the contrary go first
        self._numbers.ack_due_ms = None
        return self._numbers.handled


def _not_sent(frames: Iterable[WorkerFrame]) -> int:
    return sum(1 for frame in frames if isinstance(frame, DeliveryReport) and frame.state == _NOT_SENT)


def _popleft(frames: deque[WorkerFrame], most: int) -> list[WorkerFrame]:
    return [frames.popleft() for _ in range(min(most, len(frames)))]
