"""Wires in memory, for parts that share a process: frame objects pass as they are, times too.

They have no bound of their own and need none: the ends bound what they have in flight.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import Batch, Frame
from trunkline.contract.streams.wire import Wire, WireBroken
from trunkline.v1.error_pb2 import ErrorReason

Out = TypeVar("Out", bound=Frame)
In = TypeVar("In", bound=Frame)
A = TypeVar("A", bound=Frame)
B = TypeVar("B", bound=Frame)


class _Way(Generic[Out]):
    """One direction: batches on their way, and how it ended."""

    def __init__(self) -> None:
        self._batches: deque[Batch[Out]] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._taker: Callable[[Batch[Out]], None] | None = None
        self._failure: Exception | None = None
        self.ended = False

    def put(self, batch: Batch[Out]) -> None:
        if self._taker is None:
            self._batches.append(batch)
            self._wake()
            return
        try:
            self._taker(batch)
        except Exception as error:  # whoever reads has failed, not whoever writes
            self.interrupt(error)

    def end(self, error: TrunklineError | None) -> None:
        """What was put before is still read; then comes the end."""
        if not self.ended:
            self.ended = True
            self._failure = None if error is None else WireBroken(error)
            self._wake()

    async def get(self) -> Batch[Out] | None:
        while not self._batches:
            if self.ended:
                if self._failure is not None:
                    raise self._failure
                return None
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._batches.popleft()

    async def each(self, take: Callable[[Batch[Out]], None]) -> None:
        """Batches are taken in the turn in which they are put: a turn for the reader would cost more than they do."""
        while self._batches:
            take(self._batches.popleft())
        self._taker = take
        try:
            await self.get()
        finally:
            self._taker = None

    def interrupt(self, error: Exception) -> None:
        self._batches.clear()
        self.ended = True
        self._failure = error
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class MemoryWire(Generic[Out, In]):
    """One side of a pair."""

    def __init__(self, outgoing: _Way[Out], incoming: _Way[In]) -> None:
        self._outgoing = outgoing
        self._incoming = incoming

    async def write(self, batch: Batch[Out]) -> None:
        if self._outgoing.ended:
            raise WireBroken(_gone())
        self._outgoing.put(batch)

    async def read(self) -> Batch[In] | None:
        return await self._incoming.get()

    async def each(self, take: Callable[[Batch[In]], None]) -> None:
        await self._incoming.each(take)

    def interrupt(self, error: TrunklineError) -> None:
        self._incoming.interrupt(error)

    async def close(self, error: TrunklineError | None = None) -> None:
        self._outgoing.end(error)
        self._incoming.end(_gone())


class MemoryConnector(Generic[Out, In]):
    """Opens wires to whoever `accept` hands the other side to, in this process."""

    def __init__(self, accept: Callable[[Wire[In, Out]], None]) -> None:
        self._accept = accept

    async def connect(self) -> MemoryWire[Out, In]:
        there, back = _Way[Out](), _Way[In]()
        ours, theirs = MemoryWire(there, back), MemoryWire(back, there)
        self._accept(theirs)
        return ours


def memory_pair() -> tuple[MemoryWire[A, B], MemoryWire[B, A]]:
    """Two wires; what one writes the other reads."""
    there, back = _Way[A](), _Way[B]()
    return MemoryWire(there, back), MemoryWire(back, there)


def _gone() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "the other side is gone")
