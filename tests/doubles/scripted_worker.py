"""A worker without a protocol: the real end of a link on a bad network, and devices that do as the test says."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Self, TypeVar

from doubles.faulty_wire import FaultyConnector
from doubles.pairs import LinkConnector

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import (
    CloseSession,
    Connect,
    Connected,
    CoreFrame,
    Deliver,
    DeliveryReport,
    Disconnected,
    Reply,
    Subscribe,
    Subscribed,
    WorkerFrame,
)
from trunkline.contract.streams.reconnect import stay_connected
from trunkline.contract.streams.wire import Unreadable
from trunkline.contract.streams.worker_end import Effect, Linked, WorkerEnd
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, DisconnectCause, SessionKind

E = TypeVar("E")


class ScriptedWorker:
    """Runs from entry to exit. What the core says is kept by type until `next` takes it."""

    def __init__(self, connector: LinkConnector, *, worker_id: str = "worker-1", obeys: bool = True) -> None:
        """`obeys`: it closes the sessions that the core tells it to close."""
        self.end = WorkerEnd(worker_id, "mqtt", os.urandom(16))
        self.network: FaultyConnector[WorkerFrame, CoreFrame | Unreadable] = FaultyConnector(connector)
        self.deliveries: list[Deliver] = []
        """All that it ever got."""
        self.refuses = False
        """Set: what is delivered is not sent to the device."""
        self.obeys = obeys
        self._got: dict[type[Any], asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self._last_session = 0
        self.task: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(
            stay_connected(
                self.network, self.end, self._handle, clock=monotonic_ms, first_pause_ms=1, longest_pause_ms=5
            )
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def kill(self) -> None:
        """The process is gone."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def refused(self) -> TrunklineError:
        """Wait until the core sends it away for good; says why."""
        async with asyncio.timeout(10):
            await asyncio.wait([self.task])
        error = self.task.exception()
        assert isinstance(error, TrunklineError)
        return error

    async def next(self, kind: type[E]) -> E:
        """The next frame or effect of this type; waits for it."""
        async with asyncio.timeout(10):
            got: E = await self._got[kind].get()
            return got

    def has(self, kind: type[Any]) -> bool:
        """Whether one waits."""
        return not self._got[kind].empty()

    async def relinked(self) -> Linked:
        """Wait for the next welcome."""
        return await self.next(Linked)

    def connect(self, token: str, **connect: Any) -> int:
        """A device connects; its session."""
        self._last_session += 1
        values = {"kind": SessionKind.SESSION_KIND_ASYNCHRONOUS, "max_inflight": 16, **connect}
        self.end.send(Connect(self._last_session, access_token=token, **values))
        return self._last_session

    def subscribe(
        self, session: int, acknowledgement: Acknowledgement.ValueType = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
    ) -> None:
        """The device subscribes to calls."""
        self.end.send(Subscribe(session, True, False, acknowledgement))

    async def device(
        self,
        token: str,
        acknowledgement: Acknowledgement.ValueType = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED,
        **connect: Any,
    ) -> int:
        """A device that is connected and subscribed; its session."""
        session = self.connect(token, **connect)
        self.subscribe(session, acknowledgement)
        await self.next(Connected)
        await self.next(Subscribed)
        return session

    def reply(self, call: Deliver, payload: bytes = b"{}") -> None:
        """The device answers."""
        self.end.send(Reply(call.session, call.request_id, payload))

    def report(self, call: Deliver, state: DeliveryState.ValueType) -> None:
        """The transport says what became of a delivery."""
        self.end.send(DeliveryReport(call.session, call.request_id, state))

    def disconnect(self, session: int) -> None:
        """The device goes."""
        self.end.send(Disconnected(session, DisconnectCause.DISCONNECT_CAUSE_CLIENT))

    def _handle(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Deliver):
                self.deliveries.append(effect)
                if self.refuses:
                    self.report(effect, DeliveryState.DELIVERY_STATE_NOT_SENT)
                    continue
            elif isinstance(effect, CloseSession) and self.obeys:
                self.end.send(Disconnected(effect.session, DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE))
            self._got[type(effect)].put_nowait(effect)
