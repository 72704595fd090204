"""An RpcService for tests of streams: whoever asks it for anything else gets an error."""

from collections.abc import AsyncIterator
from typing import Any

from trunkline.v1 import rpc_service_pb2 as rpc
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceServicer


class StreamsOnly(RpcServiceServicer):
    """Its heirs have `Call` and `CallStream`."""

    async def Submit(self, request: rpc.SubmitRequest, context: Any) -> rpc.SubmitResponse:
        raise NotImplementedError

    async def GetCall(self, request: rpc.GetCallRequest, context: Any) -> rpc.GetCallResponse:
        raise NotImplementedError

    async def ListCalls(self, request: rpc.ListCallsRequest, context: Any) -> rpc.ListCallsResponse:
        raise NotImplementedError

    async def DeleteCall(self, request: rpc.DeleteCallRequest, context: Any) -> rpc.DeleteCallResponse:
        raise NotImplementedError

    async def CancelCall(self, request: rpc.CancelCallRequest, context: Any) -> rpc.CancelCallResponse:
        raise NotImplementedError

    async def ExplainCall(self, request: rpc.ExplainCallRequest, context: Any) -> rpc.ExplainCallResponse:
        raise NotImplementedError

    async def WatchCalls(self, request: rpc.WatchCallsRequest, context: Any) -> AsyncIterator[rpc.WatchCallsResponse]:
        raise NotImplementedError
        yield rpc.WatchCallsResponse()  # never: it makes this a stream
