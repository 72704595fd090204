"""The numbers of a link: what one end has written and its peer not yet acknowledged, and what it owes the peer.

Each side numbers its frames 1, 2, 3 … as it writes them, and says in every batch how many of the peer's it has handled.
Numbers go on over broken links: whoever comes back hears from its peer how far it got, and goes on from there.
"""

from collections import deque
from itertools import islice
from typing import Final, Generic, TypeVar

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import Frame
from trunkline.v1.error_pb2 import ErrorReason

ACK_MS: Final = 20
"""An ack waits this long for a batch to travel with."""

F = TypeVar("F", bound=Frame)


class Numbering(Generic[F]):
    """One end's numbers in both directions. `F` are the frames it writes."""

    __slots__ = ("_weights", "ack_due_ms", "acked", "bytes", "handled", "kept")

    def __init__(self) -> None:
        self.kept: deque[F] = deque()
        """Written and not acknowledged; the first has the number `acked` + 1."""
        self.acked = 0
        """The peer has handled our frames up to this number."""
        self.handled = 0
        """We have handled the peer's frames up to this number."""
        self.bytes = 0
        """What the kept frames weigh."""
        self.ack_due_ms: int | None = None
        """When the peer must hear of `handled` at the latest; None: it knows."""
        self._weights: deque[tuple[int, int]] = deque()
        """(number of the last frame, weight) of each batch whose frames are kept: a slot a batch, not a frame."""

    def written(self, frames: list[F], weight: int) -> None:
        """Give numbers to a batch's frames, which weigh `weight` bytes together."""
        self.kept.extend(frames)
        self._weights.append((self.acked + len(self.kept), weight))
        self.bytes += weight

    def received(self, count: int, now: int) -> None:
        """The peer's next `count` frames are being handled."""
        if count:
            self.handled += count
            if self.ack_due_ms is None:
                self.ack_due_ms = now + ACK_MS

    def acknowledged(self, ack: int) -> list[F]:
        """The peer handled our frames up to `ack`, which is above `acked`; returns those that are kept no longer."""
        kept = self.kept
        count = ack - self.acked
        if count > len(kept):
            raise TrunklineError(
                ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION,
                f"The peer acknowledged frame {ack}, but the last one written was {self.acked + len(kept)}",
            )
        self.acked = ack
        self._weigh()
        popleft = kept.popleft
        return [popleft() for _ in range(count)]

    def restart(self, stated: int, *, known: bool) -> list[F]:
        """A peer greeted us that handled `stated` of our frames; returns those it never got, in order.

        They are kept no longer: they get new numbers, from `stated` + 1, if they are written again. What it did get
        stays until its ack, since what it has to say of those comes first. `known`: it is the peer that the kept
        frames were written to; a stranger got none of them.
        """
        kept = self.kept
        got = min(max(stated - self.acked, 0), len(kept)) if known else 0
        missed = list(islice(kept, got, None))
        for _ in missed:
            kept.pop()
        self.acked = stated - got
        self.ack_due_ms = None
        if not got:
            self._weights.clear()
            self.bytes = 0
        while self._weights and self._weights[-1][0] > stated:
            self.bytes -= self._weights.pop()[1]
        self._weigh()
        return missed

    def _weigh(self) -> None:
        weights = self._weights
        while weights and weights[0][0] <= self.acked:
            self.bytes -= weights.popleft()[1]
