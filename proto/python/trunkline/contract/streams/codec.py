"""What the codecs of both streams share: how one batch's frames become envelopes and come back.

A codec is two tables: frame class → function that fills an envelope, name of the envelope's oneof member → function
that makes the frame. Encoding runs when the batch is written, not when a frame is queued, so that a remaining time is
what is left then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from trunkline.contract.streams.frames import Batch, Frame
from trunkline.contract.streams.wire import Unreadable

MAX_UINT32: Final = 0xFFFF_FFFF

Out = TypeVar("Out", bound=Frame)
In = TypeVar("In", bound=Frame)

EncodeFrame = Callable[[Any, Any, int], None]
"""(envelope, frame, now): fill the envelope that the batch's message just added."""

DecodeFrame = Callable[[Any, int], Frame]
"""(envelope, base): the frame; `base` plus a remaining time is its deadline. Raises ValueError for a bad value."""


@dataclass(frozen=True, slots=True)
class Codec(Generic[Out, In]):
    """One side of a stream: how it writes its batches and reads its peer's."""

    encode: Callable[[Batch[Out], int], Any]
    """(batch, now) → message."""
    decode: Callable[[Any, int, int], Batch[In]]
    """(message, now, excess_ms) → batch; `excess_ms` is how much later than it could have the message came."""


def remaining_ms(deadline_ms: int, now: int) -> int:
    """What is left until a deadline, as it travels."""
    remaining = deadline_ms - now
    return 0 if remaining < 0 else remaining if remaining <= MAX_UINT32 else MAX_UINT32


def known(value: Any, values: frozenset[Any]) -> Any:
    """`value` if it is one of the enum's; an int, of a type that the checkers take for the enum's."""
    if value not in values:
        raise ValueError(f"unknown value {value}")
    return value


def encode_frames(
    table: Mapping[type[Frame], EncodeFrame], frames: Sequence[Frame], add: Callable[[], Any], now: int
) -> None:
    """Fill one envelope per frame. One that cannot be encoded (a number too large) goes out empty: the peer counts it
    as unreadable, and the frames around it keep their numbers."""
    for frame in frames:
        envelope = add()
        try:
            table[type(frame)](envelope, frame, now)
        except (ValueError, TypeError):
            envelope.Clear()


def decode_frames(table: Mapping[str | None, DecodeFrame], envelopes: Iterable[Any], base: int) -> list[Any]:
    """One frame per envelope, Unreadable where it has no member we know or a value we do not."""
    frames: list[Frame] = []
    append = frames.append
    for envelope in envelopes:
        member = envelope.WhichOneof("frame")
        try:
            append(table[member](envelope, base))
        except (KeyError, ValueError) as error:
            append(Unreadable(f"{member}: {error}"))
    return frames
