"""The caller's end of its stream to the core: which calls wait, which were written, and what becomes of them.

Pure: calls, frames and time in, frames and results out. It outlives its connections. What was never written goes out on
the next one; what was written to one that broke ends UNKNOWN at once, because a call is never sent to a device twice.
Only a stored call is sent to the core again, by an id or key of its caller's choice, so that the core joins the two.
"""

from collections.abc import Sequence
from typing import Final

from trunkline.contract.streams.end import HEARTBEAT_MS, nothing, silence_ms
from trunkline.contract.streams.frames import (
    AnswerFrame,
    Batch,
    BindPrincipal,
    CallerDrain,
    CallerFrame,
    CallerHello,
    CallerWelcome,
    CallResult,
    Frame,
    HangUp,
    RenewCredentials,
    StartCall,
)
from trunkline.contract.streams.outbox import BULK_FRAME_BYTES, Outbox, frame_bytes
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

MAX_OPEN_CALLS: Final = 10_000
MAX_OPEN_BYTES: Final = 64 * 1024 * 1024
MAX_FRAME_BYTES: Final = 1024 * 1024
"""Until a core's welcome says otherwise."""

GUARD_MS: Final = 1_000
"""A written call's own guard waits this much beyond its deadline: its result says more than the guard can."""

_SLOT_BITS: Final = 8
"""Deadlines are watched in slots of 256 ms: an entry costs one set operation, and none needs a timer."""


class CoreGone(Frame, gc=False):
    """Said at a break: until the next welcome nothing comes from a core, revocations neither."""


CallerEffect = AnswerFrame | Unreadable | CoreGone
"""What a caller's owner must handle."""


class CallerEnd:
    """All calls of one caller, over however many connections."""

    def __init__(self, software: str) -> None:
        self.wake = nothing
        self.heartbeat_ms = HEARTBEAT_MS
        self.silence_ms = silence_ms(MAX_FRAME_BYTES)
        self.connected = False
        """A core has welcomed us on the present connection."""
        self._hello = CallerHello(software)
        self._max_open_calls = MAX_OPEN_CALLS
        self._max_open_bytes = MAX_OPEN_BYTES
        self._max_frame_bytes = MAX_FRAME_BYTES
        self._greet = False
        self._draining = False
        self._outbox: Outbox[StartCall] = Outbox()
        """Calls, in the order in which they will be written."""
        self._unwritten: dict[int, StartCall] = {}
        self._written: dict[int, StartCall] = {}
        self._slots: dict[int, set[int]] = {}
        """Tags by the slot of their deadline, or of their guard once that has passed."""
        self._hung_up: list[int] = []
        self._principals: dict[int, BindPrincipal] = {}
        self._bound: set[int] = set()
        """Numbers that the present connection knows."""
        self._token: RenewCredentials | None = None

    @property
    def open_calls(self) -> int:
        """Calls that have no result yet."""
        return len(self._unwritten) + len(self._written)

    def start(self, call: StartCall) -> CallResult | None:
        """Queue a call; its `tag` must be free. Returns its result if it is refused at once, else None."""
        unwritten = self._unwritten
        if (
            len(unwritten) + len(self._written) >= self._max_open_calls
            or self._outbox.bytes > self._max_open_bytes
            or len(call.params) + len(call.method) > BULK_FRAME_BYTES
            or not call.method.isascii()
        ):  # worth a closer look; frames under the bulk lane's size every core takes
            refused = self._refusal(call)
            if refused is not None:
                return refused
        unwritten[call.tag] = call
        self._outbox.put(call, call.device_id)
        self._watch(call.tag, call.wait_until_ms or call.deadline_ms)
        self.wake()
        return None

    def hang_up(self, tag: int) -> None:
        """Nobody waits for this call any more: it has no result now. One that was not written never will be."""
        call = self._unwritten.pop(tag, None)
        if call is not None:
            self._outbox.remove(call)
        else:
            call = self._written.pop(tag, None)
            if call is None:
                return
            self._hung_up.append(tag)
            self.wake()
        self._unwatch(call)

    def bind(self, principal: BindPrincipal) -> None:
        """Name the caller that calls started from now on mean by this number; it goes out ahead of the first of them.

        The number must not be another caller's who has unwritten calls (`unwritten_principals`).
        """
        self._principals[principal.principal] = principal
        self._bound.discard(principal.principal)

    def unwritten_principals(self) -> set[int]:
        """Numbers that calls still mean which were not written."""
        return {call.principal for call in self._unwritten.values()}

    def renew(self, token: str) -> None:
        """Send a fresh token on the present connection."""
        self._token = RenewCredentials(token)
        self.wake()

    def opened(self, now: int) -> None:
        """A connection stands: hello goes first, and alone until the core's welcome was read."""
        self._greet = True

    def receive(self, batch: Batch[AnswerFrame | Unreadable], now: int) -> Sequence[CallerEffect]:
        """What the core said, without results of calls that have none any more (hung up, or given up by the guard)."""
        taken: list[CallerEffect] = []
        written = self._written
        for frame in batch.frames:
            if isinstance(frame, CallResult):
                call = written.pop(frame.tag, None)
                if call is None:
                    continue
                self._unwatch(call)
            elif isinstance(frame, CallerWelcome):
                self._welcomed(frame)
            elif isinstance(frame, CallerDrain):
                self._draining = True
            taken.append(frame)
        return taken

    def gather(self, now: int) -> Batch[CallerFrame] | None:
        """The next calls, each behind the naming of its caller where this connection does not know it yet."""
        if not self.connected:
            if not self._greet:
                return None
            self._greet = False
            return Batch([self._hello], now)
        frames: list[CallerFrame] = []
        if self._token is not None:
            frames.append(self._token)
            self._token = None
        if self._hung_up:
            frames.append(HangUp(tuple(self._hung_up)))
            self._hung_up.clear()
        if self._outbox.bytes and not self._draining:
            self._take_calls(frames, now)
        return Batch(frames, now) if frames else None

    def heartbeat(self, now: int) -> Batch[CallerFrame]:
        """An empty batch."""
        return Batch([], now)

    def due_ms(self) -> int | None:
        """Nothing of this end waits for a time; its owner calls `passed`."""
        return None

    def broken(self, now: int) -> Sequence[CallerEffect]:
        """Every written call ends UNKNOWN, but stored ones by which the core knows them again are sent again."""
        lost: list[CallerEffect] = [CoreGone()] if self.connected else []
        self.connected = self._draining = self._greet = False
        self._bound.clear()
        self._hung_up.clear()
        self._token = None
        again: list[StartCall] = []
        for call in self._written.values():
            if call.persistence is not None and (call.call_id or call.idempotency_key):
                call.resent = True
                again.append(call)
            else:
                self._unwatch(call)
                lost.append(_core_lost(call, "The connection to the core broke before the call's result came"))
        self._written.clear()
        if again:
            self._unwritten = {call.tag: call for call in again} | self._unwritten
            waiting, self._outbox = self._outbox.take_all(), Outbox()
            for frame in (*again, *waiting):
                self._outbox.put(frame, frame.device_id)
        return lost

    def passed(self, now: int) -> list[CallResult]:
        """Results of calls whose time is over without one; to be called a few times a second, connected or not."""
        over: list[CallResult] = []
        slot_now = now >> _SLOT_BITS
        for slot in [slot for slot in self._slots if slot < slot_now]:
            for tag in self._slots.pop(slot):
                call = self._unwritten.pop(tag, None)
                if call is not None:
                    self._outbox.remove(call)
                    over.append(_not_answered(call))
                    continue
                call = self._written[tag]
                guard_ms = (call.wait_until_ms or call.deadline_ms) + GUARD_MS
                if now < guard_ms:
                    self._watch(tag, guard_ms)
                    continue
                del self._written[tag]
                self._hung_up.append(tag)
                over.append(_core_lost(call, "The core did not say in time how the call ended"))
        if self._hung_up:
            self.wake()
        return over

    def abandon(self) -> list[CallResult]:
        """Give up every call that waits to be written: there will be no further connection."""
        over = [_not_answered(call) for call in self._unwritten.values()]
        self._unwritten.clear()
        self._outbox.take_all()
        self._slots.clear()
        return over

    def _refusal(self, call: StartCall) -> CallResult | None:
        if self.open_calls >= self._max_open_calls or self._outbox.bytes > self._max_open_bytes:
            return _refused(call, ErrorReason.ERROR_REASON_QUEUE_FULL, "Too many calls are open")
        if frame_bytes(call) > self._max_frame_bytes:
            return _refused(
                call, ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE, f"A call may have {self._max_frame_bytes} bytes"
            )
        try:
            call.method.encode()
        except UnicodeEncodeError:
            return _refused(call, ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "The method is not valid Unicode")
        return None

    def _welcomed(self, welcome: CallerWelcome) -> None:
        self.connected = True
        self._max_open_calls = welcome.max_open_calls
        self._max_open_bytes = welcome.max_open_bytes
        self._max_frame_bytes = welcome.max_frame_bytes
        self.heartbeat_ms = welcome.heartbeat_ms or HEARTBEAT_MS
        self.silence_ms = silence_ms(welcome.max_frame_bytes, self.heartbeat_ms)
        self.wake()

    def _take_calls(self, frames: list[CallerFrame], now: int) -> None:
        bound, unwritten, written = self._bound, self._unwritten, self._written
        while not frames and self._outbox.bytes:
            for call in self._outbox.take():
                if call.deadline_ms <= now and call.expire_unix_ms is None and call.persistence is None:
                    continue  # `passed` reports it; a stored call that comes too late is stored as such
                if call.principal and call.principal not in bound and call.principal in self._principals:
                    bound.add(call.principal)
                    frames.append(self._principals[call.principal])
                frames.append(call)
                written[call.tag] = unwritten.pop(call.tag)

    def _watch(self, tag: int, at_ms: int) -> None:
        slot = at_ms >> _SLOT_BITS
        tags = self._slots.get(slot)
        if tags is None:
            self._slots[slot] = {tag}
        else:
            tags.add(tag)

    def _unwatch(self, call: StartCall) -> None:
        until_ms = call.wait_until_ms or call.deadline_ms
        for slot in (until_ms >> _SLOT_BITS, (until_ms + GUARD_MS) >> _SLOT_BITS):
            tags = self._slots.get(slot)
            if tags is not None and call.tag in tags:
                tags.remove(call.tag)
                if not tags:
                    del self._slots[slot]
                return


def _refused(call: StartCall, reason: ErrorReason.ValueType, detail: str) -> CallResult:
    cause = Cause.CAUSE_QUEUE_FULL if reason == ErrorReason.ERROR_REASON_QUEUE_FULL else Cause.CAUSE_UNSPECIFIED
    return CallResult(call.tag, Outcome.OUTCOME_FAILED, reason=reason, cause=cause, call_id=call.call_id, detail=detail)


def _not_answered(call: StartCall) -> CallResult:
    """Of a call that waits to be written, for the first time or again."""
    if call.resent:
        return _core_lost(call, "The connection to the core broke before the call was known to be stored")
    return CallResult(
        call.tag,
        Outcome.OUTCOME_EXPIRED,
        reason=ErrorReason.ERROR_REASON_CORE_UNAVAILABLE,
        cause=Cause.CAUSE_STREAM_BROKEN,
        call_id=call.call_id,
        detail="The call could not be sent to the core in its time",
    )


def _core_lost(call: StartCall, detail: str) -> CallResult:
    return CallResult(
        call.tag,
        Outcome.OUTCOME_UNKNOWN,
        reason=ErrorReason.ERROR_REASON_OUTCOME_UNKNOWN,
        cause=Cause.CAUSE_CORE_LOST,
        call_id=call.call_id,
        detail=detail,
    )
