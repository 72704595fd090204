"""The core's two streaming services, doing what a test tells them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc.aio
from doubles.streams_only import StreamsOnly

from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.rpc_service_pb2 import CallRequest, CallResponse, CallStreamRequest
from trunkline.v1.transport_service_pb2 import LinkRequest
from trunkline.v1.transport_service_pb2_grpc import TransportServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Context], Awaitable[None]]


async def nothing(context: Context) -> None:
    """Succeed."""


class ScriptedRpcService(StreamsOnly):
    """Both methods run `behaviour` and then succeed."""

    def __init__(self, behaviour: Behaviour = nothing) -> None:
        self.behaviour = behaviour

    async def Call(self, request: CallRequest, context: Context) -> CallResponse:
        await self.behaviour(context)
        return CallResponse(outcome=Outcome.OUTCOME_SENT)

    # Reads and writes through the context, as the real one does; the generated type says iterator.
    async def CallStream(  # type: ignore[override]
        self, request_iterator: AsyncIterator[CallStreamRequest], context: Context
    ) -> None:
        await self.behaviour(context)


class IdleTransportService(TransportServiceServicer):
    """A link that ends at once."""

    # Reads and writes through the context, as the real one does; the generated type says iterator.
    async def Link(  # type: ignore[override]
        self, request_iterator: AsyncIterator[LinkRequest], context: Context
    ) -> None:
        return
