"""The methods of RpcService about calls that were made already: thin adapters of `records/` and `journal/`."""

from trunkline.core.journal.watch import CallFilter
from trunkline.core.journal.watches import CallWatches
from trunkline.core.presence.scope import Scope
from trunkline.core.records.service import CallRecords
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.call_messages import call_message, explanation_message, filter_of, states_of, update_message
from trunkline.core.rpc.convert import required_id
from trunkline.core.rpc.paging import fitting, page_of
from trunkline.v1.rpc_service_pb2 import (
    CancelCallRequest,
    CancelCallResponse,
    DeleteCallRequest,
    DeleteCallResponse,
    ExplainCallRequest,
    ExplainCallResponse,
    GetCallRequest,
    GetCallResponse,
    ListCallsRequest,
    ListCallsResponse,
    WatchCallsRequest,
)
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceServicer


class CallMethods(Authenticated, RpcServiceServicer):
    """Calls as they are read, cancelled, deleted, explained and watched."""

    _records: CallRecords
    _call_watches: CallWatches

    async def GetCall(self, request: GetCallRequest, context: Context) -> GetCallResponse:
        """One call, perhaps once it ended. Whoever waited must still be who it was."""
        call_id = required_id(request.call_id, "call_id")
        record = await self._records.get(self._caller(context), call_id, request.wait_ms)
        if request.wait_ms:
            self._caller(context)
        return GetCallResponse(call=call_message(record))

    async def ListCalls(self, request: ListCallsRequest, context: Context) -> ListCallsResponse:
        """One page of a device's stored calls."""
        principal, device_id = self._caller(context), required_id(request.device_id, "device_id")
        found = await self._records.page(principal, device_id, page_of(request.page), states_of(request.states))
        calls = await found.mapped(call_message)
        return fitting(ListCallsResponse(calls=calls.items, total=calls.total))

    async def DeleteCall(self, request: DeleteCallRequest, context: Context) -> DeleteCallResponse:
        """Remove a stored call."""
        await self._records.delete(self._caller(context), required_id(request.call_id, "call_id"))
        return DeleteCallResponse()

    async def CancelCall(self, request: CancelCallRequest, context: Context) -> CancelCallResponse:
        """End a living call."""
        call_id = required_id(request.call_id, "call_id")
        result, record = await self._records.cancel(self._caller(context), call_id)
        return CancelCallResponse(result=result, call=call_message(record))

    async def ExplainCall(self, request: ExplainCallRequest, context: Context) -> ExplainCallResponse:
        """What happened to a call."""
        call_id = required_id(request.call_id, "call_id")
        return explanation_message(await self._records.explain(self._caller(context), call_id))

    # Writes through the context, so that a cancelled stream stops at once; the generated type says iterator.
    async def WatchCalls(  # type: ignore[override]
        self, request: WatchCallsRequest, context: Context
    ) -> None:
        """Calls as they change, until the caller ends the stream or its token is no longer good."""
        principal = self._caller(context)
        only = filter_of(request)
        scope = await self._call_watches.check(principal, only)
        await self._authentication.while_valid(principal, self._tell(request, scope, only, context))

    async def _tell(self, request: WatchCallsRequest, scope: Scope, only: CallFilter, context: Context) -> None:
        with self._call_watches.watch(scope, only, request.cursor, snapshot=request.snapshot) as watch:
            while True:
                await context.write(update_message(await watch.next()))
