"""The shell that every end of a stream runs in: it moves batches between a wire and a pure end, and knows no rule.

A reader hands what comes to the end, a writer sends what has gathered, and a watch ends a connection on which nothing
came for too long. The reader never waits for a write, so a peer that does not read can never stop us from reading.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.end import End, nothing
from trunkline.contract.streams.frames import Batch, Frame
from trunkline.contract.streams.wire import Wire, WireBroken
from trunkline.v1.error_pb2 import ErrorReason

STOPPED_MS: Final = 500
"""A watch that comes this late shows that this process itself stood still: the peer gets one more heartbeat's time."""

Out = TypeVar("Out", bound=Frame)
In = TypeVar("In", bound=Frame)
Effect = TypeVar("Effect")


class _Bell:
    """What the writer sleeps on: rung by the end, or by a timer at the time that was asked for."""

    __slots__ = ("_clock", "_loop", "_rung", "_timer", "_timer_ms", "_waiter")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0

    def ring(self) -> None:
        if not self._rung:
            self._rung = True
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)

    def ring_at(self, at_ms: int) -> None:
        """Ring at `at_ms` at the latest. An earlier timer stays: one ring too many costs less than a timer a batch."""
        if self._timer is not None:
            if self._timer_ms <= at_ms:
                return
            self._timer.cancel()
        self._timer_ms = at_ms
        self._timer = self._loop.call_later(max(0, at_ms - self._clock()) / 1000, self._timer_rang)

    def _timer_rang(self) -> None:
        self._timer = None
        self.ring()

    async def wait(self) -> None:
        if not self._rung:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._rung = False

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


async def pump(
    wire: Wire[Out, In],
    end: End[Out, In, Effect],
    handle: Callable[[Sequence[Effect]], None],
    *,
    clock: Clock,
) -> None:
    """Run `end` on `wire` until the peer ends the stream; what `receive` gives goes to `handle`, at once.

    Raises WireBroken if the connection breaks or falls silent, and TrunklineError if the end refuses what came. Does
    not call the end's `broken` and does not close the wire: who made the connection knows what comes next.
    """
    bell = _Bell(clock)
    line = _Line(clock())
    end.opened(line.heard_ms)
    end.wake = bell.ring
    bell.ring()
    try:
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(_write(wire, end, bell, line, clock), name="stream writer")
            watch = tasks.create_task(_watch(end, line, clock), name="stream watch")
            await _read(wire, end, handle, bell, line, clock)
            writer.cancel()
            watch.cancel()
    except BaseExceptionGroup as group:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            # Python 3.11's group forgets that it was cancelled if something broke in the same turn: whoever waits for
            # our end would see us connect again instead.
            raise asyncio.CancelledError from group
        expected, other = group.split((WireBroken, TrunklineError))
        if expected is None or other is not None:
            raise
        raise expected.exceptions[0] from None
    finally:
        end.wake = nothing
        bell.close()


class _Line:
    """When this connection was last used, either way."""

    __slots__ = ("heard_ms", "wrote_ms")

    def __init__(self, now: int) -> None:
        self.heard_ms = now
        self.wrote_ms = now


async def _read(
    wire: Wire[Out, In],
    end: End[Out, In, Effect],
    handle: Callable[[Sequence[Effect]], None],
    bell: _Bell,
    line: _Line,
    clock: Clock,
) -> None:
    def take(batch: Batch[In]) -> None:
        line.heard_ms = now = clock()
        effects = end.receive(batch, now)
        if effects:
            handle(effects)
        due = end.due_ms()
        if due is not None:
            if due <= now:
                bell.ring()
            else:
                bell.ring_at(due)

    await wire.each(take)


async def _write(wire: Wire[Out, In], end: End[Out, In, Effect], bell: _Bell, line: _Line, clock: Clock) -> None:
    while True:
        now = clock()
        batch = end.gather(now)
        if batch is None:
            if now < line.wrote_ms + end.heartbeat_ms:
                due = end.due_ms()
                beat = line.wrote_ms + end.heartbeat_ms
                bell.ring_at(beat if due is None or due > beat else due)
                await bell.wait()
                continue
            batch = end.heartbeat(now)
        try:
            await wire.write(batch)
        except WireBroken:
            return  # the reader finds the same break, after what the peer still had to say
        line.wrote_ms = clock()
        if len(batch.frames) > 1:
            await asyncio.sleep(0)  # under load: let one more turn's frames gather before the next batch


async def _watch(end: End[Out, In, Effect], line: _Line, clock: Clock) -> None:
    while True:
        now = clock()
        dead_ms = line.heard_ms + end.silence_ms if end.silence_ms else now + end.heartbeat_ms
        if now >= dead_ms:
            message = f"nothing came for {now - line.heard_ms} ms"
            raise WireBroken(TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, message))
        nap_ms = min(dead_ms - now, end.heartbeat_ms)  # no longer: a welcome may change both
        await asyncio.sleep(nap_ms / 1000)
        if clock() > now + nap_ms + STOPPED_MS:
            await asyncio.sleep(end.heartbeat_ms / 1000)
