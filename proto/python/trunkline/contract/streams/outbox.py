"""What waits to be written to a stream: two lanes, so that a large frame never holds up the small ones behind it.

Frames over 4 KiB wait in the bulk lane. A batch takes the small frames first and then a little of the bulk. Whoever has
a frame in the bulk lane stays in it until that is written, so the order of one session's frames never changes.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from trunkline.contract.streams.frames import (
    Activity,
    CallResult,
    Deliver,
    DeliveryReport,
    DeviceCall,
    DeviceCallAnswer,
    DeviceData,
    DeviceDataAnswer,
    Frame,
    HangUp,
    Reply,
    Resume,
    StartCall,
)

BATCH_FRAMES: Final = 512
BATCH_BYTES: Final = 256 * 1024
"""What the small frames of one batch may come to."""

BULK_FRAME_BYTES: Final = 4 * 1024
"""A frame over this waits in the bulk lane."""

BULK_BATCH_BYTES: Final = 64 * 1024
"""What one batch takes of the bulk lane, beyond the small frames; at least one frame."""

ENVELOPE_BYTES: Final = 32
"""What a frame weighs beside its payload, roughly."""

F = TypeVar("F", bound=Frame)

LaneKey = int | bytes
"""Whose order a frame belongs to: a session on the link, a device on the call stream."""


def _start_call_bytes(frame: StartCall) -> int:
    size = ENVELOPE_BYTES + len(frame.params) + len(frame.method)
    return size if frame.persistence is None else size + len(frame.persistence.additional_info)


def _reply_bytes(frame: Reply) -> int:
    return ENVELOPE_BYTES + len(frame.payload) + (0 if frame.error is None else len(frame.error))


def _call_result_bytes(frame: CallResult) -> int:
    return ENVELOPE_BYTES + len(frame.payload) + len(frame.detail)


def _params_bytes(frame: Deliver | DeviceCall) -> int:
    return ENVELOPE_BYTES + len(frame.params) + len(frame.method)


def _payload_bytes(frame: DeviceCallAnswer | DeviceData | DeviceDataAnswer) -> int:
    return ENVELOPE_BYTES + len(frame.payload)


# Frames that are not named here weigh their envelope: they carry a few numbers and ids.
_SIZES: Final[dict[type[Any], Callable[[Any], int]]] = {
    StartCall: _start_call_bytes,
    CallResult: _call_result_bytes,
    Deliver: _params_bytes,
    Reply: _reply_bytes,
    DeviceCall: _params_bytes,
    DeviceCallAnswer: _payload_bytes,
    DeviceData: _payload_bytes,
    DeviceDataAnswer: _payload_bytes,
    Activity: lambda frame: ENVELOPE_BYTES + 4 * len(frame.sessions),
    HangUp: lambda frame: ENVELOPE_BYTES + 4 * len(frame.tags),
    Resume: lambda frame: ENVELOPE_BYTES + 64 + 4 * len(frame.open),
}
_size_of = _SIZES.get


def frame_bytes(frame: Frame) -> int:
    """What a frame weighs on the wire, in bytes: its payload plus an allowance for the rest."""
    size = _size_of(type(frame))
    return ENVELOPE_BYTES if size is None else size(frame)


class Outbox(Generic[F]):
    """Frames in the order in which they will be written. It has no bound of its own: its owner's rules bound it.

    Each lane maps a frame's identity to the frame, in the order of arrival: appending and taking a frame back from
    anywhere both cost one dictionary operation.
    """

    __slots__ = ("_bulk", "_in_bulk", "_small", "_small_taken", "bytes")

    def __init__(self) -> None:
        self._small: dict[int, F] = {}
        self._small_taken = 0
        """How many frames have left the small lane in batches."""
        self._bulk: dict[int, tuple[F, LaneKey, int]] = {}
        """With the lane key, and what `_small_taken` must come to before no small frame put in earlier can wait."""
        self._in_bulk: dict[LaneKey, int] = {}
        """How many frames of each lane key wait in the bulk lane."""
        self.bytes = 0
        """The weight of all waiting frames."""

    def __len__(self) -> int:
        return len(self._small) + len(self._bulk)

    def __iter__(self) -> Iterator[F]:
        """Everything that waits, small frames first. Nothing may be put in or taken out meanwhile."""
        yield from self._small.values()
        for frame, _, _ in self._bulk.values():
            yield frame

    def put(self, frame: F, lane_key: LaneKey) -> None:
        """Add a frame of the session or device that `lane_key` names; a frame object may wait only once."""
        size_of = _size_of(type(frame))
        size = ENVELOPE_BYTES if size_of is None else size_of(frame)
        self.bytes += size
        if size <= BULK_FRAME_BYTES and (not self._bulk or lane_key not in self._in_bulk):
            self._small[id(frame)] = frame
        elif isinstance(frame, DeliveryReport):
            self._small[id(frame)] = frame
        else:
            self._bulk[id(frame)] = (frame, lane_key, self._small_taken + len(self._small))
            self._in_bulk[lane_key] = self._in_bulk.get(lane_key, 0) + 1

    def take(self) -> list[F]:
        """Remove and return the next batch; empty if nothing waits."""
        small = self._small
        if len(small) <= BATCH_FRAMES and self.bytes <= BATCH_BYTES and not self._bulk:
            frames = list(small.values())
            small.clear()
            self._small_taken += len(frames)
            self.bytes = 0
            return frames
        frames = self._take_small()
        if self._bulk:
            self._take_bulk(frames)
        return frames

    def take_all(self) -> list[F]:
        """Remove and return everything that waits, small frames first."""
        frames = [*self._small.values(), *(frame for frame, _, _ in self._bulk.values())]
        self._small.clear()
        self._bulk.clear()
        self._in_bulk.clear()
        self.bytes = 0
        return frames

    def remove(self, frame: F) -> bool:
        """Take this very frame out; False if it does not wait here (any more)."""
        if self._small.pop(id(frame), None) is None:
            if id(frame) not in self._bulk:
                return False
            self._leave_bulk(frame)
        self.bytes -= frame_bytes(frame)
        return True

    def _take_small(self) -> list[F]:
        frames: list[F] = []
        size = 0
        for frame in islice(self._small.values(), BATCH_FRAMES):
            weight = frame_bytes(frame)
            if size + weight > BATCH_BYTES:
                break
            size += weight
            frames.append(frame)
        for frame in frames:
            del self._small[id(frame)]
        self._small_taken += len(frames)
        self.bytes -= size
        return frames

    def _take_bulk(self, frames: list[F]) -> None:
        size = 0
        for frame, _, after in list(islice(self._bulk.values(), BULK_BATCH_BYTES // ENVELOPE_BYTES)):
            if self._small and self._small_taken < after:
                break  # its own session may still have a frame among the small ones
            weight = frame_bytes(frame)
            if size and size + weight > BULK_BATCH_BYTES:
                break
            size += weight
            frames.append(frame)
            self._leave_bulk(frame)
        self.bytes -= size

    def _leave_bulk(self, frame: F) -> None:
        _, lane_key, _ = self._bulk.pop(id(frame))
        left = self._in_bulk[lane_key] - 1
        if left:
            self._in_bulk[lane_key] = left
        else:
            del self._in_bulk[lane_key]
