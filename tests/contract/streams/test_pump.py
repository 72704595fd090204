import asyncio
from collections.abc import Sequence

import pytest
from doubles.faulty_wire import FaultyWire
from doubles.manual_clock import ManualClock
from doubles.pairs import call_wires

from trunkline.contract.clock import Clock, monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.end import nothing, silence_ms
from trunkline.contract.streams.frames import AnswerFrame, Batch, CallerDrain, CallerFrame, HangUp
from trunkline.contract.streams.pump import pump
from trunkline.contract.streams.wire import WireBroken
from trunkline.v1.error_pb2 import ErrorReason


class PlainEnd:
    """The least an end can be: it passes on what it is told to and what comes."""

    def __init__(self, *, heartbeat_ms: int = 60_000, silence_ms: int = 0) -> None:
        self.wake = nothing
        self.heartbeat_ms = heartbeat_ms
        self.silence_ms = silence_ms
        self.waiting: list[CallerFrame] = []
        self.due: int | None = None
        self.refuse: TrunklineError | None = None
        self.opened_at: int | None = None
        self.beats = 0

    def say(self, frame: CallerFrame) -> None:
        self.waiting.append(frame)
        self.wake()

    def opened(self, now: int) -> None:
        self.opened_at = now

    def receive(self, batch: Batch[AnswerFrame], now: int) -> Sequence[AnswerFrame]:
        if self.refuse is not None:
            raise self.refuse
        return batch.frames

    def gather(self, now: int) -> Batch[CallerFrame] | None:
        if self.due is not None and now >= self.due:
            self.due = None
            return Batch([], ack=1)
        frames, self.waiting = self.waiting, []
        return Batch(frames) if frames else None

    def heartbeat(self, now: int) -> Batch[CallerFrame]:
        self.beats += 1
        return Batch([])

    def due_ms(self) -> int | None:
        return self.due

    def broken(self, now: int) -> Sequence[AnswerFrame]:
        raise AssertionError("the pump leaves this to its caller")


class Running:
    """A pump in a task, and the peer's side of its wire."""

    def __init__(self, end: PlainEnd, clock: Clock = monotonic_ms) -> None:
        self.end = end
        self.handled: asyncio.Queue[AnswerFrame] = asyncio.Queue()
        wire, self.peer = call_wires()
        self.wire: FaultyWire[CallerFrame, AnswerFrame] = FaultyWire(wire)
        self.task = asyncio.create_task(pump(self.wire, end, self._handle, clock=clock))

    def _handle(self, frames: Sequence[AnswerFrame]) -> None:
        for frame in frames:
            self.handled.put_nowait(frame)

    async def read(self) -> Batch[CallerFrame]:
        batch = await self.peer.read()
        assert batch is not None
        return batch


async def test_frames_go_both_ways_until_the_peer_ends() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd())
        running.end.say(HangUp((1,)))
        assert await running.read() == Batch([HangUp((1,))])
        assert running.end.opened_at is not None
        await running.peer.write(Batch([CallerDrain(1), CallerDrain(2)]))
        assert [await running.handled.get() for _ in range(2)] == [CallerDrain(1), CallerDrain(2)]
        await running.peer.close()
        await running.task
    assert running.end.wake is nothing


async def test_what_gathers_in_a_turn_goes_as_one_batch() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd())
        await asyncio.sleep(0)  # the pump has started and sleeps
        for number in range(3):
            running.end.say(HangUp((number,)))
        assert len((await running.read()).frames) == 3
        await running.peer.close()
        await running.task


async def test_what_is_due_is_gathered_without_a_wake() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd())
        await asyncio.sleep(0)
        running.end.due = monotonic_ms() + 20
        await running.peer.write(Batch([CallerDrain(1)]))  # what came made it due
        assert await running.read() == Batch([], ack=1)
        await running.peer.close()
        await running.task


async def test_an_idle_end_beats() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd(heartbeat_ms=10))
        for _ in range(3):
            assert (await running.read()).frames == []
        await running.peer.close()
        await running.task
    assert running.end.beats >= 3


async def test_a_silent_peer_is_dead() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd(heartbeat_ms=10, silence_ms=30))
        with pytest.raises(WireBroken, match="nothing came") as raised:
            await running.task
    assert raised.value.error.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE


async def test_a_peer_that_beats_is_not() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd(heartbeat_ms=10, silence_ms=2_000))
        for _ in range(30):
            await running.read()
            await running.peer.write(Batch([]))
        assert not running.task.done()
        await running.peer.close()
        await running.task


async def test_a_process_that_stood_still_itself_gives_its_peer_one_more_beat() -> None:
    clock = ManualClock()
    async with asyncio.timeout(10):
        running = Running(PlainEnd(heartbeat_ms=200, silence_ms=600), clock)
        running.end.say(HangUp((1,)))
        await running.read()  # it runs
        clock.advance(20_000)  # stopped: the watch wakes late, and the peer's batches are still to be read
        assert (await running.read()).frames == []
        await running.peer.write(Batch([]))
        clock.advance(200)
        assert (await running.read()).frames == []
        assert not running.task.done()
        await running.peer.close()
        await running.task


async def test_a_broken_wire_ends_the_pump_with_its_error() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd())
        await asyncio.sleep(0)
        running.wire.cut()
        with pytest.raises(TrunklineError, match="cut by the test"):
            await running.task


async def test_what_the_peer_said_is_handled_before_its_error() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd())
        await running.peer.write(Batch([CallerDrain(1)]))
        await running.peer.close(TrunklineError(ErrorReason.ERROR_REASON_LINK_SUPERSEDED, "superseded"))
        running.end.say(HangUp((1,)))  # the writer finds the wire broken first
        with pytest.raises(WireBroken, match="superseded"):
            await running.task
    assert running.handled.get_nowait() == CallerDrain(1)


async def test_what_the_end_refuses_ends_the_pump_with_its_error() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd())
        running.end.refuse = TrunklineError(ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION, "not so")
        await running.peer.write(Batch([CallerDrain(1)]))
        with pytest.raises(TrunklineError, match="not so"):
            await running.task


async def test_a_bug_is_not_taken_for_a_broken_wire() -> None:
    def fail(frames: Sequence[AnswerFrame]) -> None:
        raise ZeroDivisionError

    wire, peer = call_wires()
    await peer.write(Batch([CallerDrain(1)]))
    with pytest.raises(ExceptionGroup) as raised:
        await pump(wire, PlainEnd(), fail, clock=monotonic_ms)
    assert raised.group_contains(ZeroDivisionError)


async def test_cancelling_stops_all_of_it() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd())
        await asyncio.sleep(0)
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.task
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("stream")] == []


async def test_cancelling_counts_also_in_the_turn_in_which_the_wire_breaks() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd())
        await asyncio.sleep(0)
        running.wire.cut()
        await asyncio.sleep(0)  # the reader has found it, and the pump is ending its other tasks
        assert not running.task.done()
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.task


async def test_a_write_that_never_returns_does_not_stop_the_reader() -> None:
    async with asyncio.timeout(10):
        running = Running(PlainEnd())
        running.wire.stuck = True
        running.end.say(HangUp((1,)))
        await asyncio.sleep(0)
        await running.peer.write(Batch([CallerDrain(1)]))
        assert await running.handled.get() == CallerDrain(1)
        await running.peer.close()
        await running.task


def test_silence_grows_with_the_largest_frame() -> None:
    assert silence_ms(1024) == 6_000
    assert silence_ms(16 * 1024 * 1024) == 32_000
    assert silence_ms(1024, heartbeat_ms=100) == 300
