"""Real wires with faults: cut at any moment, or swallowing what is written as a stopped peer's socket does."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import Batch, Frame
from trunkline.contract.streams.wire import Connector, Wire, read_each
from trunkline.v1.error_pb2 import ErrorReason

Out = TypeVar("Out", bound=Frame)
In = TypeVar("In", bound=Frame)


class FaultyWire(Generic[Out, In]):
    """Passes everything to the real wire until told otherwise."""

    def __init__(self, wire: Wire[Out, In]) -> None:
        self._wire = wire
        self.deaf = asyncio.Event()
        """Set: what is written is lost, though the writer does not notice."""
        self.stuck = False
        """Set: writing never returns, as when the peer does not read."""
        self.blind = False
        """Set: what the peer writes is lost on its way here."""
        self.lost: list[Batch[Out]] = []
        self.lost_something = asyncio.Event()
        self._reads = 0
        self._read_one = asyncio.Event()

    async def write(self, batch: Batch[Out]) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.deaf.is_set():
            self.lost.append(batch)
            if batch.frames:
                self.lost_something.set()
            return
        await self._wire.write(batch)

    async def read(self) -> Batch[In] | None:
        batch = await self._wire.read()
        while self.blind and batch is not None:
            batch = await self._wire.read()
        self._reads += 1
        self._read_one.set()
        return batch

    async def each(self, take: Callable[[Batch[In]], None]) -> None:
        await read_each(self, take)

    async def until_read(self, count: int) -> None:
        """Wait until so many batches more have been read."""
        goal = self._reads + count
        while self._reads < goal:
            self._read_one.clear()
            await self._read_one.wait()

    def interrupt(self, error: TrunklineError) -> None:
        self._wire.interrupt(error)

    def cut(self) -> None:
        """The network is gone, both ways."""
        self._wire.interrupt(TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "cut by the test"))

    async def close(self, error: TrunklineError | None = None) -> None:
        await self._wire.close(error)


class FaultyConnector(Generic[Out, In]):
    """Wraps every wire of a real connector; `wires` has them in the order of connecting. Nobody connects while `up` is
    not set."""

    def __init__(self, connector: Connector[Out, In]) -> None:
        self._connector = connector
        self.wires: list[FaultyWire[Out, In]] = []
        self.up = asyncio.Event()
        self.up.set()

    def cut(self) -> None:
        """Cut the present wire; `up` says whether there can be another one."""
        self.wires[-1].cut()

    async def connect(self) -> FaultyWire[Out, In]:
        await self.up.wait()
        wire = FaultyWire(await self._connector.connect())
        self.wires.append(wire)
        return wire
