"""Both kinds of connected pairs, behind one interface: gRPC on a real Unix socket, and memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import grpc.aio
from doubles.streams_only import StreamsOnly

from trunkline.contract.channel import open_channel, server_options
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.call_codec import ANSWER_CODEC, CALLER_CODEC
from trunkline.contract.streams.frames import AnswerFrame, CallerFrame, CoreFrame, WorkerFrame
from trunkline.contract.streams.grpc_wire import GrpcConnector, ServerWire
from trunkline.contract.streams.link_codec import CORE_CODEC, WORKER_CODEC
from trunkline.contract.streams.memory_wire import MemoryConnector, MemoryWire, memory_pair
from trunkline.contract.streams.wire import Connector, Unreadable, Wire
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub, add_RpcServiceServicer_to_server
from trunkline.v1.transport_service_pb2_grpc import (
    TransportServiceServicer,
    TransportServiceStub,
    add_TransportServiceServicer_to_server,
)

MAX_PARAMS_BYTES = 1024 * 1024

Kind = Literal["grpc", "memory"]

CallServerWire = Wire[AnswerFrame, CallerFrame | Unreadable]
CallConnector = Connector[CallerFrame, AnswerFrame | Unreadable]
LinkServerWire = Wire[CoreFrame, WorkerFrame | Unreadable]
LinkConnector = Connector[WorkerFrame, CoreFrame | Unreadable]

Serve = Callable[[Any], Awaitable[TrunklineError | None]]
"""What a server does with each stream's wire; the error it returns is told to the peer."""


def call_wires() -> tuple[MemoryWire[CallerFrame, AnswerFrame], MemoryWire[AnswerFrame, CallerFrame]]:
    """The two wires of one call stream in memory."""
    return memory_pair()


@asynccontextmanager
async def call_pair(kind: Kind, directory: Path, serve: Serve) -> AsyncIterator[CallConnector]:
    """A connector of call streams to a server that handles each with `serve`."""
    if kind == "memory":
        async with _memory_server(serve) as memory:
            yield memory
    else:
        async with grpc_server(directory, serve) as channel:
            yield GrpcConnector(RpcServiceStub(channel).CallStream, CALLER_CODEC)


@asynccontextmanager
async def link_pair(kind: Kind, directory: Path, serve: Serve) -> AsyncIterator[LinkConnector]:
    """A connector of links to a server that handles each with `serve`."""
    if kind == "memory":
        async with _memory_server(serve) as memory:
            yield memory
    else:
        async with grpc_server(directory, serve) as channel:
            yield GrpcConnector(TransportServiceStub(channel).Link, WORKER_CODEC)


@asynccontextmanager
async def grpc_server(directory: Path, serve: Serve) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a real server whose two stream methods both run `serve`."""
    server = grpc.aio.server(options=server_options(MAX_PARAMS_BYTES))
    add_RpcServiceServicer_to_server(_Calls(serve), server)
    add_TransportServiceServicer_to_server(_Links(serve), server)
    target = f"unix:{directory / 'core.sock'}"
    server.add_insecure_port(target)
    await server.start()
    channel = open_channel(target, max_params_bytes=MAX_PARAMS_BYTES)
    try:
        yield channel
    finally:
        await channel.close(None)
        await server.stop(None)


class _Calls(StreamsOnly):
    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    async def Call(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED)

    async def CallStream(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # reads and writes through the context, so it yields nothing
        wire: ServerWire[AnswerFrame, CallerFrame | Unreadable] = ServerWire(context, ANSWER_CODEC)
        await wire.close(await self._serve(wire))


class _Links(TransportServiceServicer):
    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    async def Link(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # as above
        wire: ServerWire[CoreFrame, WorkerFrame | Unreadable] = ServerWire(context, CORE_CODEC)
        await wire.close(await self._serve(wire))


@asynccontextmanager
async def _memory_server(serve: Serve) -> AsyncIterator[MemoryConnector[Any, Any]]:
    tasks: list[asyncio.Task[None]] = []

    async def handle(wire: Wire[Any, Any]) -> None:
        await wire.close(await serve(wire))

    def accept(wire: Wire[Any, Any]) -> None:
        tasks.append(asyncio.create_task(handle(wire), name="memory server"))

    yield MemoryConnector(accept)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if outcome is not None and not isinstance(outcome, asyncio.CancelledError):
            raise outcome
