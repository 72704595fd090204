"""One body for both kinds of pairs: what holds over gRPC holds in memory."""

import asyncio
from pathlib import Path
from typing import Any, get_args

import pytest
from doubles.echoing_core import SILENT, EchoingCore
from doubles.faulty_wire import FaultyConnector
from doubles.frame_strategies import CORE_FRAMES, WORKER_FRAMES
from doubles.pairs import CallServerWire, Kind, LinkServerWire, call_pair, link_pair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trunkline.client.call_stream import CallStream
from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import (
    Batch,
    BindPrincipal,
    CallResult,
    Frame,
    HangUp,
    PrincipalRevoked,
    StartCall,
)
from trunkline.contract.streams.wire import WireBroken
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

DEVICES = [bytes([number]) * 16 for number in range(5)]
SUPERSEDED = TrunklineError(ErrorReason.ERROR_REASON_LINK_SUPERSEDED, "another one has this name")


@pytest.fixture(params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Any:
    """Every test below runs once per kind of pair."""
    return request.param


async def test_every_call_gets_its_one_result_and_devices_keep_their_order(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore(max_frame_bytes=1024 * 1024)
    params = [str(n).encode() * (1 if n % 10 else 20_000) for n in range(500)]
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        async with CallStream(connector) as stream:
            results = await asyncio.gather(
                *(stream.call(DEVICES[n % 5], "echo", text) for n, text in enumerate(params))
            )
    assert [result.payload for result in results] == params
    for device in DEVICES:
        order = [call.tag for call in core.calls if call.device_id == device]
        assert order == sorted(order)


async def test_the_end_of_a_stream_hangs_up_its_open_calls(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore()
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        async with CallStream(connector) as stream:
            waiting = [asyncio.create_task(stream.call(DEVICES[0], SILENT)) for _ in range(3)]
            await core.until(SILENT, 3)
        results = await asyncio.gather(*waiting)
        await core.until_hung_up(3)
    assert [result.cause for result in results] == [Cause.CAUSE_CORE_LOST] * 3


async def test_a_call_that_is_hung_up_is_let_go_at_the_core(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore()
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        async with CallStream(connector) as stream:
            calling = asyncio.create_task(stream.call(DEVICES[0], SILENT))
            await core.until(SILENT)
            calling.cancel()
            await core.until_hung_up(1)
            assert (await stream.call(DEVICES[0], "echo")).outcome == Outcome.OUTCOME_SUCCEEDED
    assert core.hung_up == [core.calls[0].tag]


async def test_a_cut_ends_what_was_written_and_sends_what_was_not(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore()
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        faulty = FaultyConnector(connector)
        async with CallStream(faulty) as stream:
            written = asyncio.create_task(stream.call(DEVICES[0], SILENT))
            await core.until(SILENT)
            faulty.wires[0].cut()
            lost = await written
            assert (lost.outcome, lost.cause) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)
            assert not stream.connected
            assert (await stream.call(DEVICES[0], "echo")).outcome == Outcome.OUTCOME_SUCCEEDED
    assert [call.method for call in core.calls] == [SILENT, "echo"]
    assert len(core.streams) == 2


async def test_a_core_that_falls_silent_is_noticed(kind: Kind, tmp_path: Path) -> None:
    async def greet_and_stop(wire: CallServerWire) -> None:
        core = EchoingCore(max_frame_bytes=1024, heartbeat_ms=20)
        await wire.write(Batch([core.welcome()]))
        while await wire.read() is not None:
            pass  # alive at the socket, and nothing more

    async with asyncio.timeout(30), call_pair(kind, tmp_path, greet_and_stop) as connector:
        async with CallStream(connector) as stream:
            result = await stream.call(DEVICES[0], "echo")
    assert result.cause == Cause.CAUSE_CORE_LOST


async def test_an_idle_pair_stays_connected(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore(max_frame_bytes=1024, heartbeat_ms=100)
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        faulty = FaultyConnector(connector)
        async with CallStream(faulty) as stream:
            await stream.call(DEVICES[0], "echo")
            await faulty.wires[0].until_read(8)  # beats of more than the 300 ms of silence that would be its death
            await stream.call(DEVICES[0], "echo")
    assert len(core.streams) == 1


async def test_what_no_attempt_can_mend_ends_the_stream_for_good(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore()
    core.refuse = TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "who are you?")
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        async with CallStream(connector) as stream:
            result = await stream.call(DEVICES[0], "echo")
            assert result.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
            for _ in range(2):
                with pytest.raises(TrunklineError, match="who are you") as raised:
                    await stream.ended()
                assert raised.value.reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
            with pytest.raises(TrunklineError, match="who are you"):
                await stream.call(DEVICES[0], "echo")


async def test_a_core_can_end_a_stream_from_elsewhere(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore()
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        async with CallStream(connector) as stream:
            waiting = asyncio.create_task(stream.call(DEVICES[0], SILENT))
            await core.until(SILENT)
            core.wires[0].interrupt(SUPERSEDED)
            core.wires[0].interrupt(SUPERSEDED)  # two may want it at once; the peer is told all the same
            with pytest.raises(TrunklineError, match="another one") as raised:
                await stream.ended()
            assert (await waiting).cause == Cause.CAUSE_CORE_LOST
    assert raised.value.reason == ErrorReason.ERROR_REASON_LINK_SUPERSEDED
    assert core.hung_up == [core.calls[0].tag]


async def test_a_core_that_ends_a_stream_is_connected_to_again(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore()
    core.answer_and_end = True
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        async with CallStream(connector) as stream:
            changes: asyncio.Queue[bool] = asyncio.Queue()
            stream.on_connection = changes.put_nowait
            assert (await stream.call(DEVICES[0], "echo")).outcome == Outcome.OUTCOME_SUCCEEDED
            assert [await changes.get(), await changes.get()] == [True, False]
            assert (await stream.call(DEVICES[0], "echo")).outcome == Outcome.OUTCOME_SUCCEEDED
    assert len(core.streams) == 2


async def test_callers_are_named_again_on_a_new_connection(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore()
    somebody = BindPrincipal(0, b"tenant", b"user", Role.ROLE_TENANT_ADMIN)
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        faulty = FaultyConnector(connector)
        async with CallStream(faulty) as stream:

            async def call() -> CallResult:
                done: asyncio.Future[CallResult] = asyncio.get_running_loop().create_future()
                number = stream.bind(somebody)
                deadline = monotonic_ms() + 10_000
                stream.start(
                    StartCall(0, DEVICES[0], "echo", b"1", CallKind.CALL_KIND_TWO_WAY, deadline, number),
                    done.set_result,
                )
                return await done

            disconnected = asyncio.Event()
            stream.on_connection = lambda connected: None if connected else disconnected.set()
            await call()
            await call()
            assert [(bound.principal, bound.user_id) for bound in core.principals] == [(1, b"user")]
            faulty.wires[0].cut()
            await disconnected.wait()
            await call()
            assert len(core.principals) == 2


async def test_revocations_reach_the_caller(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore()
    revoked: asyncio.Queue[PrincipalRevoked] = asyncio.Queue()
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        async with CallStream(connector) as stream:
            stream.on_revoked = revoked.put_nowait
            await stream.call(DEVICES[0], "echo")
            core.streams[0].send(PrincipalRevoked(b"user", b"session", 5))
            assert await revoked.get() == PrincipalRevoked(b"user", b"session", 5)


async def test_what_was_said_before_the_end_is_read_before_it(kind: Kind, tmp_path: Path) -> None:
    answers = [Batch([CallResult(tag, Outcome.OUTCOME_SUCCEEDED)]) for tag in range(3)]

    async def answer_and_refuse(wire: CallServerWire) -> TrunklineError:
        await wire.read()
        for answer in answers:
            await wire.write(answer)
        return SUPERSEDED

    async with asyncio.timeout(30), call_pair(kind, tmp_path, answer_and_refuse) as connector:
        wire = await connector.connect()
        with pytest.raises(WireBroken):
            while True:
                await wire.write(Batch([HangUp((1,))]))
                await asyncio.sleep(0)
        read = [batch.frames for _ in answers if (batch := await wire.read()) is not None]
        assert read == [answer.frames for answer in answers]
        with pytest.raises(WireBroken) as raised:
            await wire.read()
        await wire.close()
    assert raised.value.error.reason == ErrorReason.ERROR_REASON_LINK_SUPERSEDED


async def test_a_caller_that_does_not_read_is_still_read_and_loses_its_stream(kind: Kind, tmp_path: Path) -> None:
    core = EchoingCore(max_open_calls=10)
    reply = bytes(8_000)
    async with asyncio.timeout(30), call_pair(kind, tmp_path, core.serve) as connector:
        wire = await connector.connect()
        tag = 0
        with pytest.raises(WireBroken):
            while True:
                calls: list[Any] = []
                for _ in range(100):
                    tag += 1
                    calls.append(
                        StartCall(tag, DEVICES[0], "echo", reply, CallKind.CALL_KIND_TWO_WAY, monotonic_ms() + 60_000)
                    )
                await wire.write(Batch(calls))
                await asyncio.sleep(0)
        with pytest.raises(WireBroken) as raised:
            while await wire.read() is not None:
                pass
        await wire.close()
    assert raised.value.error.reason == ErrorReason.ERROR_REASON_STREAM_OVERRUN


@given(
    up=st.lists(st.one_of(WORKER_FRAMES), min_size=1, max_size=20), down=st.lists(st.one_of(CORE_FRAMES), max_size=20)
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_frame_of_a_link_passes(kind: Kind, tmp_path: Path, up: list[Any], down: list[Any]) -> None:
    arrived: list[Frame] = []

    async def serve(wire: LinkServerWire) -> None:
        batch = await wire.read()
        assert batch is not None
        assert batch.ack == 7
        arrived.extend(batch.frames)
        await wire.write(Batch(down, ack=9))
        await wire.read()

    async def talk() -> list[Frame]:
        async with asyncio.timeout(30), link_pair(kind, tmp_path, serve) as connector:
            wire = await connector.connect()
            await wire.write(Batch(up, ack=7))
            batch = await wire.read()
            await wire.close()
        assert batch is not None
        assert batch.ack == 9
        return list(batch.frames)

    answered = asyncio.run(talk())
    assert [without_time(frame) for frame in arrived] == [without_time(frame) for frame in up]
    assert [without_time(frame) for frame in answered] == [without_time(frame) for frame in down]


def without_time(frame: Any) -> Any:
    """The frame; a deadline, which is relative to another clock than this test's, left out."""
    if hasattr(frame, "deadline_ms"):
        frame.deadline_ms = 0
    return frame
