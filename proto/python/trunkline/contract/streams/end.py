"""What every end of a stream offers its shell: pure objects, to which connections and time happen."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from trunkline.contract.streams.frames import Batch, Frame

HEARTBEAT_MS: Final = 2_000
"""Each side writes at least an empty batch this often."""

SILENT_HEARTBEATS: Final = 3
SLOWEST_BYTES_PER_S: Final = 512 * 1024

Out_co = TypeVar("Out_co", bound=Frame, covariant=True)
In_contra = TypeVar("In_contra", bound=Frame, contravariant=True)
Effect_co = TypeVar("Effect_co", covariant=True)


def silence_ms(max_frame_bytes: int, heartbeat_ms: int = HEARTBEAT_MS) -> int:
    """How long a living peer may say nothing: three heartbeats, or as long as its largest frame may take."""
    return max(SILENT_HEARTBEATS * heartbeat_ms, max_frame_bytes * 1000 // SLOWEST_BYTES_PER_S)


class End(Protocol[Out_co, In_contra, Effect_co]):
    """One end of a stream, without clock or I/O: frames and time in, frames and effects out.

    An end outlives its connections. `opened` and `broken` come in turn; `receive` and `gather` only between them. All
    times are monotonic milliseconds.
    """

    wake: Callable[[], None]
    """Set by the pump while connected; the end calls it when there is something new to gather. Cheap, any number of
    times."""
    heartbeat_ms: int
    """Something is written at least this often."""
    silence_ms: int
    """A connection on which nothing came for this long is dead; 0: never (the peer does not beat)."""

    def opened(self, now: int) -> None:
        """A fresh connection stands; the next `gather` begins with this end's greeting, if it has one."""
        ...

    def receive(self, batch: Batch[In_contra], now: int) -> Sequence[Effect_co]:
        """Take what the peer said; returns what the owner must handle, in order. May raise TrunklineError: the
        connection ends with it."""
        ...

    def gather(self, now: int) -> Batch[Out_co] | None:
        """Take what is to be written now; None if there is nothing."""
        ...

    def heartbeat(self, now: int) -> Batch[Out_co]:
        """A batch without frames, for a peer that has not heard from us for `heartbeat_ms`."""
        ...

    def due_ms(self) -> int | None:
        """When `gather` must be called even if `wake` is not, such as for an ack; None: no such time."""
        ...

    def broken(self, now: int) -> Sequence[Effect_co]:
        """The connection is gone, for whatever cause; returns what the owner must handle because of it."""
        ...


def nothing() -> None:
    """What an end's `wake` is while it has no connection."""
