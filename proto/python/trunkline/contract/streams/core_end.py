"""The core's end of a link: numbers, acks, and what became of each delivery. Pure: no clock, no I/O.

There is one for each incarnation of a worker, and it outlives the streams: a worker that comes back says how far it
got, and so what never reached it. What the sessions mean is the business of the core's session table.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from itertools import chain
from typing import Final

import msgspec

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.end import nothing, silence_ms
from trunkline.contract.streams.frames import (
    Batch,
    Connected,
    CoreFrame,
    Deliver,
    DeliveryReport,
    DeviceCallAnswer,
    DeviceDataAnswer,
    LinkHello,
    Resume,
    Resumed,
    Welcome,
    Withdraw,
    WorkerFrame,
)
from trunkline.contract.streams.numbering import Numbering
from trunkline.contract.streams.outbox import BATCH_BYTES, BATCH_FRAMES, Outbox, frame_bytes
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DeliveryState

_GREETINGS: Final = (Resume, Resumed, LinkHello)
_NOT_SENT: Final = DeliveryState.DELIVERY_STATE_NOT_SENT


class Written(msgspec.Struct, frozen=True, gc=False):
    """The worker wrote this delivery to the device's socket or bounded buffer."""

    session: int
    request_id: int


class NotWritten(msgspec.Struct, frozen=True, gc=False):
    """This delivery was never sent, or never got to the worker: its call may be sent again."""

    session: int
    request_id: int


Effect = WorkerFrame | Unreadable | Written | NotWritten


class _Stage(Enum):
    """How far a connection has got."""

    DOWN = auto()
    ACCEPTED = auto()
    """The welcome is to be written."""
    RESUMING = auto()
    """The worker lists its sessions; until it said Resumed, it gets nothing else."""
    LINKED = auto()


class CoreEnd:
    """One per incarnation of a worker. For each stream: `accept` its hello, then let the pump run it."""

    def __init__(self, core_id: bytes, *, max_frame_bytes: int, max_unacked_bytes: int, heartbeat_ms: int) -> None:
        """`core_id`: 16 random bytes of this start of the core. The bounds are told to the worker."""
        self.wake: Callable[[], None] = nothing
        self.heartbeat_ms = heartbeat_ms
        self.silence_ms = silence_ms(max_frame_bytes, heartbeat_ms)
        self._core_id = core_id
        self._max_frame_bytes = max_frame_bytes
        self._max_unacked_bytes = max_unacked_bytes
        self._stage = _Stage.DOWN
        self._outbox: Outbox[CoreFrame] = Outbox()
        self._numbers: Numbering[CoreFrame] = Numbering()
        self._again: deque[CoreFrame] = deque()
        """To be written again, before what waits in the outbox."""
        self._overdue: dict[int, Deliver] = {}
        """Ran out of time in the outbox; told at the next opportunity."""
        self._forgotten: set[int] = set()
        """Sessions that closed while the link was down and that had unacknowledged deliveries."""
        self._unwritten: dict[tuple[int, int], Deliver] | None = None
        """What can be taken back, once someone asked and until something else changes it: behind a worker that stands
        still, thousands of deliveries may run out of time together."""
        self._unacked: dict[int, list[int]] | None = None
        """The kept deliveries by session, once someone asked while the link is down."""

    # --- what the owner does ---

    def accept(self, hello: LinkHello, now: int) -> list[Effect]:
        """A new stream began with `hello`; call this before the pump runs it, and after the old stream's `broken`.

        Returns what the hello tells of deliveries: NotWritten for those that never got to the worker. Those that did
        wait for the ack that comes after what the worker has to say of them, except those of forgotten sessions: they
        are Written at once.
        """
        effects = self.broken(now)
        known = hello.core_id == self._core_id
        missed = self._numbers.restart(hello.handled if known else 0, known=known)
        again: deque[CoreFrame] = deque()
        for frame in missed:
            if isinstance(frame, Deliver):
                effects.append(NotWritten(frame.session, frame.request_id))
            elif not isinstance(frame, Withdraw):
                again.append(frame)
        again.extend(self._again)
        self._again = again
        if self._forgotten:
            effects.extend(
                Written(frame.session, frame.request_id)
                for frame in self._numbers.kept
                if isinstance(frame, Deliver) and frame.session in self._forgotten
            )
            self._forgotten.clear()
        self._unacked = None
        self._stage = _Stage.ACCEPTED
        return effects

    def send(self, frame: CoreFrame) -> None:
        """Queue a frame. Raises TrunklineError PAYLOAD_TOO_LARGE for what the worker could not take."""
        kind = frame.__class__
        if kind is Deliver or kind is DeviceCallAnswer or kind is DeviceDataAnswer:
            if frame_bytes(frame) > self._max_frame_bytes:
                raise TrunklineError(
                    ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE,
                    f"A frame of {frame_bytes(frame)} bytes is larger than the {self._max_frame_bytes} that fit",
                )
        elif kind is Withdraw and self._stage is _Stage.DOWN:
            return  # the next hello tells what became of its delivery
        self._unwritten = None
        self._outbox.put(frame, frame.session)
        self.wake()

    def take_back(self, session: int, request_id: int) -> bool:
        """Take a delivery out that was not written yet, or that ran out of time before; False if it was written."""
        if self._unwritten is None:
            waiting = chain(self._overdue.values(), self._outbox)
            self._unwritten = {
                (frame.session, frame.request_id): frame for frame in waiting if isinstance(frame, Deliver)
            }
        delivery = self._unwritten.pop((session, request_id), None)
        if delivery is None:
            return False
        return self._overdue.pop(id(delivery), None) is not None or self._outbox.remove(delivery)

    def unacked(self, session: int) -> list[int]:
        """The request ids of the session's deliveries that were written and whose fate is not known yet."""
        if self._stage is not _Stage.DOWN:
            return [
                frame.request_id
                for frame in self._numbers.kept
                if isinstance(frame, Deliver) and frame.session == session
            ]
        if self._unacked is None:
            self._unacked = {}
            for frame in self._numbers.kept:
                if isinstance(frame, Deliver):
                    self._unacked.setdefault(frame.session, []).append(frame.request_id)
        return self._unacked.get(session, [])

    def forget(self, session: int) -> None:
        """The session closed while its link was down, so its calls may go elsewhere: what the next hello says of its
        deliveries is told at once."""
        if self._stage is _Stage.DOWN and self.unacked(session):
            self._forgotten.add(session)

    def unheard_sessions(self) -> set[int]:
        """Sessions whose Connected may not have reached the worker: it cannot have named them in its list."""
        greeting = self._stage in (_Stage.ACCEPTED, _Stage.RESUMING)  # what is kept then, the hello says it has
        unheard = chain(() if greeting else self._numbers.kept, self._again, self._outbox)
        return {frame.session for frame in unheard if isinstance(frame, Connected)}

    # --- what the pump does ---

    def opened(self, now: int) -> None:
        """A connection stands; its hello was accepted."""

    def broken(self, now: int) -> list[Effect]:
        """The connection is gone: deliveries that were never written come back. What was, waits for the next hello."""
        self._stage = _Stage.DOWN
        self._unacked = None
        self._unwritten = None
        effects = self._tell_overdue()
        for frame in list(self._outbox):
            if isinstance(frame, Deliver):
                effects.append(NotWritten(frame.session, frame.request_id))
                self._outbox.remove(frame)
            elif isinstance(frame, Withdraw):
                self._outbox.remove(frame)
        return effects

    def receive(self, batch: Batch[WorkerFrame | Unreadable], now: int) -> list[Effect]:
        """Take a batch; returns its frames in order, then what its ack says of deliveries."""
        effects: list[Effect] = [*batch.frames]
        count = 0
        for frame in batch.frames:
            if self._stage is not _Stage.LINKED:
                self._resuming(frame)
                continue
            count += 1
            if isinstance(frame, DeliveryReport):
                if frame.state == _NOT_SENT:
                    self._settle_not_sent(frame)
            elif isinstance(frame, _GREETINGS):
                raise TrunklineError(ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION, "The worker greets twice")
        numbers = self._numbers
        numbers.received(count, now)
        if batch.ack > numbers.acked:
            for handled in numbers.acknowledged(batch.ack):
                if isinstance(handled, Deliver):
                    effects.append(Written(handled.session, handled.request_id))
        if self._overdue:
            effects += self._tell_overdue()
        return effects

    def gather(self, now: int) -> Batch[CoreFrame] | None:
        """The next batch, if there is something to say."""
        if self._stage is not _Stage.LINKED:
            return self._greet(now)
        self._unwritten = None
        numbers = self._numbers
        frames, weight = self._take()
        for frame in frames:
            if isinstance(frame, Deliver) and frame.deadline_ms <= now:
                frames = self._sift(frames, now)
                self.wake()  # if none is left, more may wait behind them
                break
        if frames:
            numbers.written(frames, weight)
        elif numbers.ack_due_ms is None or numbers.ack_due_ms > now:
            return None
        numbers.ack_due_ms = None
        return Batch(frames, now, numbers.handled)

    def heartbeat(self, now: int) -> Batch[CoreFrame]:
        """A batch that only says that we live."""
        self._numbers.ack_due_ms = None
        return Batch([], now, self._numbers.handled)

    def due_ms(self) -> int | None:
        """When an ack is due."""
        return self._numbers.ack_due_ms

    # --- greeting ---

    def _greet(self, now: int) -> Batch[CoreFrame] | None:
        if self._stage is not _Stage.ACCEPTED:
            return None
        self._stage = _Stage.RESUMING
        handled = self._numbers.handled
        welcome = Welcome(0, self._core_id, handled, self._max_frame_bytes, self._max_unacked_bytes, self.heartbeat_ms)
        return Batch([welcome], now, handled)

    def _resuming(self, frame: WorkerFrame | Unreadable) -> None:
        """Until Resumed only the list may come; its frames have no numbers."""
        if isinstance(frame, Resumed):
            self._stage = _Stage.LINKED
            self.wake()
        elif not isinstance(frame, Resume | Unreadable):
            raise TrunklineError(
                ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION, "The worker spoke before it had said Resumed"
            )

    def _settle_not_sent(self, report: DeliveryReport) -> None:
        """The delivery was not written, whatever its ack will say; its call may go out again even before that.

        Its number goes to a Withdraw, of which there is nothing to tell.
        """
        kept = self._numbers.kept
        for index, frame in enumerate(kept):
            if isinstance(frame, Deliver) and (frame.session, frame.request_id) == (report.session, report.request_id):
                kept[index] = Withdraw(frame.session, frame.request_id)
                return

    # --- the way out ---

    def _take(self) -> tuple[list[CoreFrame], int]:
        """The next frames to be numbered, and what they weigh."""
        if not self._again:
            outbox = self._outbox
            waiting = outbox.bytes
            return (outbox.take(), waiting - outbox.bytes) if waiting else ([], 0)
        weight = 0
        frames: list[CoreFrame] = []
        while self._again and len(frames) < BATCH_FRAMES and weight < BATCH_BYTES:
            frame = self._again.popleft()
            weight += frame_bytes(frame)
            frames.append(frame)
        return frames, weight

    def _sift(self, frames: list[CoreFrame], now: int) -> list[CoreFrame]:
        """Put the deliveries aside whose time has run out."""
        timely: list[CoreFrame] = []
        for frame in frames:
            if isinstance(frame, Deliver) and frame.deadline_ms <= now:
                self._overdue[id(frame)] = frame
            else:
                timely.append(frame)
        return timely

    def _tell_overdue(self) -> list[Effect]:
        effects: list[Effect] = [NotWritten(frame.session, frame.request_id) for frame in self._overdue.values()]
        self._overdue.clear()
        self._unwritten = None
        return effects
