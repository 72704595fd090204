import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from doubles.echoing_core import SILENT, EchoingCore
from doubles.manual_clock import ManualClock
from doubles.pairs import call_pair

from trunkline.client.call_stream import CallStream
from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import CallResult, StartCall
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

DEVICE = b"device--16-bytes"


@asynccontextmanager
async def stream_to(core: EchoingCore, directory: Path) -> AsyncIterator[CallStream]:
    async with asyncio.timeout(20), call_pair("memory", directory, core.serve) as connector:
        async with CallStream(connector) as stream:
            yield stream


def start(method: str = "echo", *, deadline_ms: int | None = None, params: bytes = b"1") -> StartCall:
    deadline = monotonic_ms() + 10_000 if deadline_ms is None else deadline_ms
    return StartCall(0, DEVICE, method, params, CallKind.CALL_KIND_TWO_WAY, deadline)


async def test_a_call_carries_what_it_was_given(tmp_path: Path) -> None:
    core = EchoingCore()
    async with stream_to(core, tmp_path) as stream:
        result = await stream.call(
            DEVICE,
            "echo",
            b'{"pin":7}',
            kind=CallKind.CALL_KIND_ONE_WAY,
            timeout_ms=3_000,
            call_id=b"call-id-16-bytes",
            fail_fast=True,
            await_delivery=True,
        )
    (call,) = core.calls
    assert (result.tag, result.payload) == (call.tag, b'{"pin":7}')
    assert (call.kind, call.call_id) == (CallKind.CALL_KIND_ONE_WAY, b"call-id-16-bytes")
    assert (call.fail_fast, call.await_delivery) == (True, True)
    assert 0 < call.deadline_ms - monotonic_ms() <= 3_000


async def test_tags_are_given_here_and_results_come_by_tag(tmp_path: Path) -> None:
    results: asyncio.Queue[CallResult] = asyncio.Queue()
    async with stream_to(EchoingCore(), tmp_path) as stream:
        tags = [stream.start(start(params=text), results.put_nowait) for text in (b"1", b"2")]
        got = [await results.get() for _ in tags]
    assert tags == [1, 2]
    assert sorted((result.tag, result.payload) for result in got) == [(1, b"1"), (2, b"2")]


async def test_a_call_hung_up_has_no_result(tmp_path: Path) -> None:
    core = EchoingCore()
    results: list[CallResult] = []
    async with stream_to(core, tmp_path) as stream:
        written = stream.start(start(SILENT), results.append)
        await core.until(SILENT)
        stream.hang_up(written)
        stream.hang_up(written)
        await core.until_hung_up(1)
        unwritten = stream.start(start("never"), results.append)
        stream.hang_up(unwritten)
        await stream.call(DEVICE, "echo")
    assert results == []
    assert [call.method for call in core.calls] == [SILENT, "echo"]


async def test_cancelling_an_awaited_call_hangs_it_up(tmp_path: Path) -> None:
    core = EchoingCore()
    async with stream_to(core, tmp_path) as stream:
        calling = asyncio.create_task(stream.call(DEVICE, SILENT))
        await core.until(SILENT)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await core.until_hung_up(1)


async def test_a_result_in_the_turn_of_its_cancellation_harms_nobody(tmp_path: Path) -> None:
    core = EchoingCore()
    async with stream_to(core, tmp_path) as stream:
        calling = asyncio.create_task(stream.call(DEVICE, SILENT))
        await core.until(SILENT)
        calling.cancel()
        core.streams[0].answer(CallResult(core.calls[0].tag, Outcome.OUTCOME_SUCCEEDED))
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert (await stream.call(DEVICE, "echo")).outcome == Outcome.OUTCOME_SUCCEEDED


async def test_what_is_refused_at_once_is_told_later_all_the_same(tmp_path: Path) -> None:
    async with stream_to(EchoingCore(max_frame_bytes=8_000), tmp_path) as stream:
        await stream.call(DEVICE, "echo")
        results: list[CallResult] = []
        stream.start(start(params=bytes(9_000)), results.append)
        assert results == []
        result = await stream.call(DEVICE, "echo", bytes(9_000))
    assert result.reason == ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE
    assert [result.reason for result in results] == [ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE]


async def test_a_callback_that_raises_costs_nobody_else_anything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(result: CallResult) -> None:
        raise ZeroDivisionError

    async with stream_to(EchoingCore(), tmp_path) as stream:
        stream.start(start(), fail)
        assert (await stream.call(DEVICE, "echo")).outcome == Outcome.OUTCOME_SUCCEEDED
    assert "callback_failed" in caplog.text


async def test_a_call_that_cannot_be_sent_in_its_time_says_so(tmp_path: Path) -> None:
    async def nobody(wire: object) -> None:
        await asyncio.Event().wait()  # connected, and never welcomed

    clock = ManualClock()
    async with asyncio.timeout(20), call_pair("memory", tmp_path, nobody) as connector:
        async with CallStream(connector, clock=clock) as stream:
            calling = asyncio.create_task(stream.call(DEVICE, "echo", timeout_ms=500))
            await asyncio.sleep(0)
            clock.advance(1_000)
            result = await calling
            assert not stream.connected
    assert (result.outcome, result.cause) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_STREAM_BROKEN)


async def test_a_closed_stream_takes_no_calls(tmp_path: Path) -> None:
    async with stream_to(EchoingCore(), tmp_path) as stream:
        await stream.call(DEVICE, "echo")
        assert stream.connected
    assert not stream.connected
    with pytest.raises(TrunklineError, match="closed"):
        await stream.call(DEVICE, "echo")


async def test_connections_are_told(tmp_path: Path) -> None:
    core = EchoingCore()
    changes: list[bool] = []
    async with stream_to(core, tmp_path) as stream:
        stream.on_connection = changes.append
        await stream.call(DEVICE, "echo")
        assert changes == [True]
    assert changes == [True, False]


async def test_a_fresh_token_reaches_the_core(tmp_path: Path) -> None:
    core = EchoingCore()
    async with stream_to(core, tmp_path) as stream:
        await stream.call(DEVICE, "echo")
        stream.renew("fresh")
        await stream.call(DEVICE, "echo")
    assert core.tokens == ["fresh"]


async def test_an_error_in_the_body_is_the_one_that_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with stream_to(EchoingCore(), tmp_path) as stream:
            await stream.call(DEVICE, "echo")
            raise ZeroDivisionError
