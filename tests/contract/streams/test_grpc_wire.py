import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from doubles.manual_clock import ManualClock
from doubles.pairs import CallServerWire, grpc_server

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.call_codec import CALLER_CODEC
from trunkline.contract.streams.frames import AnswerFrame, Batch, CallerFrame, CallResult, StartCall
from trunkline.contract.streams.grpc_wire import GrpcConnector
from trunkline.contract.streams.wire import Unreadable, Wire
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import CallStreamRequest, CallStreamResponse
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub

ClientWire = Wire[CallerFrame, AnswerFrame | Unreadable]


@asynccontextmanager
async def raw_server(directory: Path, handler: Callable[[Any], Awaitable[None]]) -> AsyncIterator[Any]:
    """A method whose handler reads and writes bytes through its context, and no message of ours."""

    async def handle(request_iterator: Any, context: Any) -> None:
        await handler(context)

    server = grpc.aio.server()
    methods = {"Stream": grpc.stream_stream_rpc_method_handler(handle)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("raw", methods),))
    server.add_insecure_port(f"unix:{directory / 'raw.sock'}")
    await server.start()
    channel = grpc.aio.insecure_channel(f"unix:{directory / 'raw.sock'}")
    try:
        yield channel.stream_stream("/raw/Stream", CallStreamRequest.SerializeToString, CallStreamResponse.FromString)
    finally:
        await channel.close(None)
        await server.stop(None)


async def echo_remaining(wire: CallServerWire) -> None:
    """Answer every call with what is left of its time."""
    while (batch := await wire.read()) is not None:
        for frame in batch.frames:
            if isinstance(frame, StartCall):
                left = str(frame.deadline_ms - monotonic_ms()).encode()
                await wire.write(Batch([CallResult(frame.tag, Outcome.OUTCOME_SUCCEEDED, left)]))


async def ask_remaining(wire: ClientWire, deadline_ms: int) -> int:
    await wire.write(Batch([StartCall(1, b"device", "m", b"1", CallKind.CALL_KIND_TWO_WAY, deadline_ms)]))
    batch = await wire.read()
    assert batch is not None
    (result,) = batch.frames
    assert isinstance(result, CallResult)
    return int(result.payload)


async def test_a_batch_that_came_late_leaves_so_much_less_time(tmp_path: Path) -> None:
    clock = ManualClock()
    async with asyncio.timeout(10), grpc_server(tmp_path, echo_remaining) as channel:
        connector = GrpcConnector(RpcServiceStub(channel).CallStream, CALLER_CODEC, clock=clock)
        wire = await connector.connect()
        on_time = await ask_remaining(wire, clock.now + 60_000)
        assert 50_000 < on_time <= 60_000
        clock.advance(-5_000)  # to the server: written five seconds ago, and somewhere on its way since
        late = await ask_remaining(wire, clock.now + 60_000)
        assert 45_000 < late <= on_time - 4_000
        await wire.close()


async def test_metadata_is_asked_at_each_connection(tmp_path: Path) -> None:
    seen: list[str] = []

    async def note(context: Any) -> None:
        seen.append(dict(context.invocation_metadata())["authorization"])

    tokens = iter(["first", "second"])
    async with asyncio.timeout(10), raw_server(tmp_path, note) as method:
        connector = GrpcConnector(method, CALLER_CODEC, lambda: [("authorization", next(tokens))])
        for _ in range(2):
            wire = await connector.connect()
            assert await wire.read() is None
            await wire.close()
    assert seen == ["first", "second"]


async def test_bytes_that_are_no_message_break_the_clients_wire(tmp_path: Path) -> None:
    async def write_garbage(context: Any) -> None:
        await context.write(b"\xff\xff\xff")
        await context.read()

    async with asyncio.timeout(10), raw_server(tmp_path, write_garbage) as method:
        wire = await GrpcConnector(method, CALLER_CODEC).connect()
        with pytest.raises(TrunklineError) as raised:
            await wire.read()
        await wire.close()
    assert raised.value.reason == ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION


async def test_bytes_that_are_no_message_break_the_servers_wire(tmp_path: Path) -> None:
    async def serve(wire: CallServerWire) -> TrunklineError:
        with pytest.raises(TrunklineError) as raised:
            await wire.read()
        return raised.value

    async with asyncio.timeout(10), grpc_server(tmp_path, serve) as channel:
        method: Any = channel.stream_stream("/trunkline.v1.RpcService/CallStream", None, None)
        call = method()
        await call.write(b"\xff\xff\xff")
        assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_server_that_is_not_there_breaks_nothing_until_it_comes(tmp_path: Path) -> None:
    channel = grpc.aio.insecure_channel(
        f"unix:{tmp_path / 'core.sock'}",
        options=[("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100)],
    )
    wire = await GrpcConnector(RpcServiceStub(channel).CallStream, CALLER_CODEC).connect()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(wire.read())
        async with grpc_server(tmp_path, answer_once):
            assert await reading is not None
            await wire.close()
    await channel.close(None)


async def answer_once(wire: CallServerWire) -> None:
    await wire.write(Batch([]))
    await wire.read()
