"""The core's end of a caller's stream: which calls are open on it, and when there are too many.

Pure: frames and time in, frames out. What a call may ask for and how it ends is decided by who handles the StartCalls;
this end sees to it that a caller can neither open calls without bound nor leave its results unread without bound.
"""

from collections.abc import Sequence
from typing import Final

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.end import HEARTBEAT_MS, nothing, silence_ms
from trunkline.contract.streams.frames import (
    AnswerFrame,
    Batch,
    CallerDrain,
    CallerFrame,
    CallerHello,
    CallerWelcome,
    CallResult,
    HangUp,
    StartCall,
)
from trunkline.contract.streams.outbox import Outbox, frame_bytes
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

MAX_OPEN_CALLS: Final = 10_000
MAX_OPEN_BYTES: Final = 64 * 1024 * 1024

RETRY_AFTER_MS: Final = 1_000
"""What a caller is told whose call was one too many."""

_NO_LANE: Final = b""


class AnswerEnd:
    """One stream's end; it lives as long as its stream. A call is open until its result is written."""

    def __init__(
        self,
        core_id: bytes,
        *,
        max_frame_bytes: int,
        max_open_calls: int = MAX_OPEN_CALLS,
        max_open_bytes: int = MAX_OPEN_BYTES,
        heartbeat_ms: int = HEARTBEAT_MS,
        peer_beats: bool = True,
    ) -> None:
        """`peer_beats`: the caller promised to write at least every `heartbeat_ms`, as parts do; others are found dead
        by HTTP/2 keepalive."""
        self.wake = nothing
        self.heartbeat_ms = heartbeat_ms
        self.silence_ms = silence_ms(max_frame_bytes, heartbeat_ms) if peer_beats else 0
        self._welcome = CallerWelcome(core_id, max_open_calls, max_frame_bytes, max_open_bytes, heartbeat_ms)
        self._greet = False
        self._unanswered: dict[int, StartCall] = {}
        self._unanswered_bytes = 0
        self._outbox: Outbox[AnswerFrame] = Outbox()
        self._connected = False

    @property
    def open_calls(self) -> int:
        """Calls whose result is not written yet; 0 means that the stream may end without a loss."""
        return len(self._unanswered) + len(self._outbox)

    def opened(self, now: int) -> None:
        """The stream stands."""
        self._connected = True

    def receive(self, batch: Batch[CallerFrame | Unreadable], now: int) -> Sequence[CallerFrame | Unreadable]:
        """What the caller said, without the calls that were too many: they are answered here.

        Raises PROTOCOL_VIOLATION for a tag in use and STREAM_OVERRUN for a caller that does not read its results.
        """
        taken: list[CallerFrame | Unreadable] = []
        for frame in batch.frames:
            if isinstance(frame, StartCall):
                if not self._open(frame):
                    continue
            elif isinstance(frame, CallerHello):
                self._greet = True
                self.wake()
            taken.append(frame)
        return taken

    def answer(self, result: CallResult) -> None:
        """Queue the result of an open call; one for a call that this stream does not know (any more) is dropped."""
        call = self._unanswered.pop(result.tag, None)
        if call is None:
            return
        self._unanswered_bytes -= frame_bytes(call)
        if self._outbox.bytes > 2 * self._welcome.max_open_bytes:
            result = _unread(result)
        self._outbox.put(result, call.device_id)
        self.wake()

    def send(self, frame: AnswerFrame) -> None:
        """Queue a frame that answers no call."""
        if self._connected:
            self._outbox.put(frame, _NO_LANE)
            self.wake()

    def drain(self, grace_ms: int) -> None:
        """Ask for no further calls; results still go out."""
        self.send(CallerDrain(grace_ms))

    def gather(self, now: int) -> Batch[AnswerFrame] | None:
        """The next results, behind the welcome."""
        frames = self._outbox.take()
        if self._greet:
            self._greet = False
            frames.insert(0, self._welcome)
        return Batch(frames, now) if frames else None

    def heartbeat(self, now: int) -> Batch[AnswerFrame]:
        """An empty batch."""
        return Batch([], now)

    def due_ms(self) -> int | None:
        """Nothing of this end waits for a time."""
        return None

    def broken(self, now: int) -> Sequence[CallerFrame]:
        """The stream's end is a hang-up of every call that has no result yet."""
        tags = tuple(self._unanswered)
        self._connected = False
        self._unanswered.clear()
        self._unanswered_bytes = 0
        self._outbox.take_all()
        return [HangUp(tags)] if tags else []

    def _open(self, call: StartCall) -> bool:
        limits = self._welcome
        if call.tag in self._unanswered:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION, f"Tag {call.tag} names an open call", tag=str(call.tag)
            )
        size = frame_bytes(call)
        if (
            self.open_calls < limits.max_open_calls
            and self._unanswered_bytes + self._outbox.bytes + size <= limits.max_open_bytes
        ):
            self._unanswered[call.tag] = call
            self._unanswered_bytes += size
            return True
        if len(self._outbox) >= 2 * limits.max_open_calls:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_STREAM_OVERRUN,
                f"{len(self._outbox)} results wait and are not read",
                max_open_calls=str(limits.max_open_calls),
            )
        self._outbox.put(_too_many(call), call.device_id)
        self.wake()
        return False


def _too_many(call: StartCall) -> CallResult:
    return CallResult(
        call.tag,
        Outcome.OUTCOME_FAILED,
        reason=ErrorReason.ERROR_REASON_QUEUE_FULL,
        cause=Cause.CAUSE_QUEUE_FULL,
        call_id=call.call_id,
        detail="Too many calls are open on this stream",
        retry_after_ms=RETRY_AFTER_MS,
    )


def _unread(result: CallResult) -> CallResult:
    """The result without what the caller leaves unread: its memory is ours."""
    return CallResult(
        result.tag,
        Outcome.OUTCOME_FAILED,
        reason=ErrorReason.ERROR_REASON_STREAM_OVERRUN,
        call_id=result.call_id,
        detail="The reply was dropped: too many bytes of results wait and are not read",
    )
