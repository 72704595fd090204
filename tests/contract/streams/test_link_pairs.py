"""The link's two ends over both kinds of pairs, with a network that is cut again and again."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from doubles.faulty_wire import FaultyConnector
from doubles.pairs import Kind, LinkConnector, LinkServerWire, link_pair

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.core_end import CoreEnd, NotWritten, Written
from trunkline.contract.streams.core_end import Effect as CoreEffect
from trunkline.contract.streams.frames import (
    Connect,
    Connected,
    Deliver,
    LinkHello,
    Reply,
    Subscribe,
    Subscribed,
    WorkerFrame,
)
from trunkline.contract.streams.pump import pump
from trunkline.contract.streams.reconnect import stay_connected
from trunkline.contract.streams.wire import WireBroken
from trunkline.contract.streams.worker_end import Effect as WorkerEffect
from trunkline.contract.streams.worker_end import Linked, WorkerEnd
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, SessionKind

SESSIONS = range(1, 6)


@pytest.fixture(params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Any:
    """Every test below runs once per kind of pair."""
    return request.param


class Core:
    """The core's shell: one end for its one worker, whatever stream it comes on; it opens every session."""

    def __init__(self) -> None:
        self.end = CoreEnd(b"core-id-16-bytes", max_frame_bytes=1 << 20, max_unacked_bytes=1 << 22, heartbeat_ms=2_000)
        self.streams = 0
        self.subscribed: set[int] = set()
        self.written: Counter[int] = Counter()
        self.replies: Counter[int] = Counter()
        self.sent_again = 0
        self.changed = asyncio.Event()
        self._waiting: dict[int, Deliver] = {}
        self._wire: LinkServerWire | None = None
        self._over = asyncio.Event()

    def deliver(self, request_id: int, params: bytes = b"1") -> None:
        """Send a call to one of the sessions, as often as it comes back unwritten."""
        session = SESSIONS[request_id % len(SESSIONS)]
        frame = Deliver(session, request_id, "m", params, monotonic_ms() + 60_000, CallKind.CALL_KIND_TWO_WAY)
        self._waiting[request_id] = frame
        self.end.send(frame)

    async def until(self, table: Counter[int] | set[int], count: int) -> None:
        """Wait until so many different ids are in the table."""
        while len(table) < count:
            self.changed.clear()
            await self.changed.wait()

    async def serve(self, wire: LinkServerWire) -> TrunklineError | None:
        """One stream: the old one ends first, and all that was read from it is handled."""
        try:
            batch = await wire.read()
            assert batch is not None
            (hello,) = batch.frames
            assert isinstance(hello, LinkHello)
            if self._wire is not None:
                self._wire.interrupt(TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "the worker is back"))
                await self._over.wait()
            self._wire, over = wire, asyncio.Event()
            self._over = over
            self.streams += 1
            self._handle(self.end.accept(hello, monotonic_ms()))
            try:
                await pump(wire, self.end, self._handle, clock=monotonic_ms)
            finally:
                if self._wire is wire:
                    self._wire = None
                self._handle(self.end.broken(monotonic_ms()))
                over.set()
        except WireBroken:
            return None
        except TrunklineError as error:
            return error
        return None

    def _handle(self, effects: Sequence[CoreEffect]) -> None:
        for effect in effects:
            match effect:
                case Connect(session=session):
                    self.end.send(Connected(session, b"device--16-bytes", session, "device", 1, b"profile-16-bytes"))
                case Subscribe(session=session):
                    self.subscribed.add(session)
                    self.end.send(Subscribed(session))
                case Written(request_id=request_id):
                    self.written[request_id] += 1
                    del self._waiting[request_id]
                case NotWritten(request_id=request_id):
                    self.sent_again += 1
                    self.end.send(self._waiting[request_id])
                case Reply(request_id=request_id):
                    self.replies[request_id] += 1
                case _:
                    pass
        self.changed.set()


class Worker:
    """The worker's shell: its devices subscribe when they are connected, and answer at once."""

    def __init__(self, connector: LinkConnector) -> None:
        self.end = WorkerEnd("worker-1", "mqtt", b"incarnation-16-b")
        self.deliveries: Counter[int] = Counter()
        self.linked: list[Linked] = []
        self.task = asyncio.create_task(
            stay_connected(connector, self.end, self._handle, clock=monotonic_ms, first_pause_ms=1, longest_pause_ms=4)
        )
        for session in SESSIONS:
            self.say(Connect(session, SessionKind.SESSION_KIND_ASYNCHRONOUS, 1_000, access_token="token"))

    def say(self, frame: WorkerFrame) -> None:
        self.end.send(frame)

    async def stop(self) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task

    def _handle(self, effects: Sequence[WorkerEffect]) -> None:
        for effect in effects:
            match effect:
                case Connected(session=session):
                    self.say(Subscribe(session, rpc=True, acknowledgement=Acknowledgement.ACKNOWLEDGEMENT_IMPLIED))
                case Deliver(session=session, request_id=request_id, params=params):
                    self.deliveries[request_id] += 1
                    self.say(Reply(session, request_id, params))
                case Linked():
                    self.linked.append(effect)
                case _:
                    pass


async def test_deliveries_go_down_and_acks_and_replies_come_up(kind: Kind, tmp_path: Path) -> None:
    core = Core()
    async with asyncio.timeout(30), link_pair(kind, tmp_path, core.serve) as connector:
        worker = Worker(connector)
        await core.until(core.subscribed, len(SESSIONS))
        for request_id in range(300):
            core.deliver(request_id, bytes(20_000) if request_id % 50 == 0 else b"1")
        await core.until(core.written, 300)
        await core.until(core.replies, 300)
        await worker.stop()
    assert core.streams == 1
    assert set(worker.deliveries.values()) == set(core.written.values()) == set(core.replies.values()) == {1}


async def test_everything_is_handled_exactly_once_however_often_the_link_is_cut(kind: Kind, tmp_path: Path) -> None:
    core = Core()
    async with asyncio.timeout(30), link_pair(kind, tmp_path, core.serve) as connector:
        faulty = FaultyConnector(connector)
        worker = Worker(faulty)
        await core.until(core.subscribed, len(SESSIONS))
        for cut in range(10):
            before = len(core.replies)
            for request_id in range(cut * 100, cut * 100 + 100):
                core.deliver(request_id, bytes(20_000) if request_id % 7 == 0 else b"1")
            await core.until(core.replies, before + 30)
            streams = len(faulty.wires)
            faulty.wires[-1].cut()
            await core.until(core.replies, before + 100)
            assert len(faulty.wires) > streams
        await core.until(core.written, 1_000)
        await worker.stop()
    assert set(worker.deliveries.values()) == {1}
    assert set(core.written.values()) == {1}
    assert set(core.replies.values()) == {1}
    assert [linked.new_core for linked in worker.linked] == [True] + [False] * (len(worker.linked) - 1)


async def test_a_batch_that_the_network_swallowed_is_sent_again(kind: Kind, tmp_path: Path) -> None:
    core = Core()
    async with asyncio.timeout(30), link_pair(kind, tmp_path, core.serve) as connector:
        faulty = FaultyConnector(connector)
        worker = Worker(faulty)
        await core.until(core.subscribed, len(SESSIONS))
        faulty.wires[0].deaf.set()
        for request_id in range(50):
            core.deliver(request_id)
        await faulty.wires[0].lost_something.wait()
        faulty.wires[0].cut()
        await core.until(core.replies, 50)
        await core.until(core.written, 50)
        await worker.stop()
    assert set(worker.deliveries.values()) == set(core.written.values()) == set(core.replies.values()) == {1}
