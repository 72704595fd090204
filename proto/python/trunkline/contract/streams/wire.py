"""One connection of a stream: what moves batches. There is one over gRPC and one in memory; the pump drives either."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import Batch, Frame

Out_contra = TypeVar("Out_contra", bound=Frame, contravariant=True)
In_co = TypeVar("In_co", bound=Frame, covariant=True)


class Unreadable(Frame, gc=False):
    """Stands in a received batch for a frame that could not be understood: it counts as handled, and is counted."""

    problem: str


class WireBroken(Exception):
    """The connection ended without its peer saying so in the stream; `error` says what is known of the cause."""

    def __init__(self, error: TrunklineError) -> None:
        super().__init__(error.message)
        self.error = error


class Wire(Protocol[Out_contra, In_co]):
    """A connection to the peer. One task reads and one writes; neither waits for the other."""

    async def write(self, batch: Batch[Out_contra]) -> None:
        """Send one batch; returns when the transport takes the next one. Raises WireBroken."""
        ...

    async def read(self) -> Batch[In_co] | None:
        """The peer's next batch, or None once it ended the stream cleanly.

        Raises WireBroken if nobody is there to be told more, and TrunklineError if the peer should be told why its
        stream ends: what it sent cannot be read, or this side was interrupted.
        """
        ...

    async def each(self, take: Callable[[Batch[In_co]], None]) -> None:
        """Give every batch to `take` until the peer ends the stream cleanly; raises what `read` and `take` raise.

        A wire that can do so gives a batch in the very turn in which it was written.
        """
        ...

    def interrupt(self, error: TrunklineError) -> None:
        """Make the pending read, or else the next, raise this error; from anywhere, at any time."""
        ...

    async def close(self, error: TrunklineError | None = None) -> None:
        """End the connection, with a status for the peer if there is an error to tell.

        The last thing done with a wire; closing twice is harmless. In a gRPC server's handler it is the handler's last
        act, too: with an error it raises the exception by which gRPC ends the RPC.
        """
        ...


class Readable(Protocol[In_co]):
    """The half of a wire that `read_each` needs."""

    async def read(self) -> Batch[In_co] | None:
        """As `Wire.read`."""
        ...


async def read_each(wire: Readable[In_co], take: Callable[[Batch[In_co]], None]) -> None:
    """`Wire.each`, for a wire that can only be read."""
    while (batch := await wire.read()) is not None:
        take(batch)


class Connector(Protocol[Out_contra, In_co]):
    """Opens connections to one peer, one after another."""

    async def connect(self) -> Wire[Out_contra, In_co]:
        """A fresh connection. It may turn out broken only at the first read. Raises WireBroken."""
        ...
