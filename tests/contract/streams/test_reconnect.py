import asyncio
from collections.abc import Sequence

import pytest
from doubles.pairs import call_wires

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.caller_end import CallerEffect, CallerEnd, CoreGone
from trunkline.contract.streams.frames import AnswerFrame, Batch, CallerFrame, CallerHello, CallerWelcome
from trunkline.contract.streams.memory_wire import MemoryWire
from trunkline.contract.streams.reconnect import FATAL, stay_connected
from trunkline.contract.streams.wire import WireBroken
from trunkline.v1.error_pb2 import ErrorReason

WELCOME = CallerWelcome(b"core-id-16-bytes", 5, 2_000, 1_000_000, 2_000)


def error(reason: ErrorReason.ValueType) -> TrunklineError:
    return TrunklineError(reason, "says the peer")


class Peers:
    """A connector whose peers the test plays, each as it comes; some attempts do not even get that far."""

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.attempts = 0
        self.came: asyncio.Queue[MemoryWire[AnswerFrame, CallerFrame]] = asyncio.Queue()

    async def connect(self) -> MemoryWire[CallerFrame, AnswerFrame]:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise WireBroken(error(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE))
        ours, theirs = call_wires()
        self.came.put_nowait(theirs)
        return ours


class Connected:
    """An end kept connected in a task, with pauses of milliseconds."""

    def __init__(self, peers: Peers) -> None:
        self.effects: asyncio.Queue[CallerEffect] = asyncio.Queue()
        self.task = asyncio.create_task(
            stay_connected(
                peers, CallerEnd("test"), self._handle, clock=monotonic_ms, first_pause_ms=1, longest_pause_ms=4
            )
        )

    def _handle(self, effects: Sequence[CallerEffect]) -> None:
        for effect in effects:
            self.effects.put_nowait(effect)


async def welcome(peer: MemoryWire[AnswerFrame, CallerFrame]) -> None:
    batch = await peer.read()
    assert batch is not None
    assert batch.frames == [CallerHello("test")]
    await peer.write(Batch([WELCOME]))


async def test_it_connects_again_after_every_kind_of_end() -> None:
    peers = Peers()
    async with asyncio.timeout(10):
        connected = Connected(peers)
        endings = (None, error(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE), error(ErrorReason.ERROR_REASON_INTERNAL))
        for ending in endings:
            peer = await peers.came.get()
            await welcome(peer)
            assert await connected.effects.get() == WELCOME
            await peer.close(ending)
            assert await connected.effects.get() == CoreGone()
        await peers.came.get()
        connected.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connected.task


async def test_it_tries_on_while_nobody_is_there() -> None:
    peers = Peers(failures=5)
    async with asyncio.timeout(10):
        connected = Connected(peers)
        await welcome(await peers.came.get())
        assert await connected.effects.get() == WELCOME
        connected.task.cancel()
        assert await connected.effects.get() == CoreGone(), "a cancelled end learns of its break, too"
    assert peers.attempts == 6


@pytest.mark.parametrize("reason", sorted(FATAL), ids=ErrorReason.Name)
async def test_it_gives_up_where_no_attempt_can_help(reason: ErrorReason.ValueType) -> None:
    peers = Peers()
    async with asyncio.timeout(10):
        connected = Connected(peers)
        peer = await peers.came.get()
        await welcome(peer)
        await peer.close(error(reason))
        with pytest.raises(TrunklineError, match="says the peer") as raised:
            await connected.task
    assert raised.value.reason == reason
    assert (connected.effects.get_nowait(), connected.effects.get_nowait()) == (WELCOME, CoreGone())


async def test_a_bug_is_not_tried_again() -> None:
    def fail(effects: Sequence[CallerEffect]) -> None:
        raise ZeroDivisionError

    peers = Peers()
    async with asyncio.timeout(10):
        task = asyncio.create_task(stay_connected(peers, CallerEnd("test"), fail, clock=monotonic_ms))
        await welcome(await peers.came.get())
        with pytest.raises((ExceptionGroup, ZeroDivisionError)):
            await task
    assert peers.attempts == 1
