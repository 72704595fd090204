"""RpcService: single calls and call streams, for users with a token and for parts."""

from collections.abc import AsyncIterator
from contextlib import suppress

from trunkline.contract.streams.call_codec import ANSWER_CODEC
from trunkline.contract.streams.grpc_wire import ServerWire
from trunkline.contract.streams.wire import WireBroken
from trunkline.core.callers.authority import BackendAuthority, PartAuthority
from trunkline.core.callers.callers import Callers
from trunkline.core.callers.unary import UnaryCalls
from trunkline.core.identity.principal import Part
from trunkline.core.journal.watches import CallWatches
from trunkline.core.records.service import CallRecords
from trunkline.core.rpc.authenticated import Context
from trunkline.core.rpc.authentication import Authentication
from trunkline.core.rpc.call_methods import CallMethods
from trunkline.v1.rpc_service_pb2 import CallRequest, CallResponse, CallStreamRequest, SubmitRequest, SubmitResponse


class RpcService(CallMethods):
    """Thin: who it is, then the call or the stream."""

    def __init__(
        self,
        authentication: Authentication,
        unary: UnaryCalls,
        callers: Callers,
        records: CallRecords,
        call_watches: CallWatches,
    ) -> None:
        self._authentication = authentication
        self._unary = unary
        self._callers = callers
        self._records = records
        self._call_watches = call_watches

    async def Call(self, request: CallRequest, context: Context) -> CallResponse:
        """One call, to its outcome."""
        return await self._unary.call(self._caller(context), request, context.time_remaining())

    async def Submit(self, request: SubmitRequest, context: Context) -> SubmitResponse:
        """One stored call, to its acceptance."""
        return await self._unary.submit(self._caller(context), request)

    # Reads and writes through the context, so that a cancelled stream stops both its tasks; the generated type says
    # iterator.
    async def CallStream(  # type: ignore[override]
        self,
        request_iterator: AsyncIterator[CallStreamRequest],
        context: Context,
    ) -> None:
        """Many calls, until the caller ends the stream, its token expires, or the connection breaks."""
        caller = self._authentication.caller(context.invocation_metadata())
        with suppress(WireBroken):  # nobody is there to be told
            wire = await ServerWire(context, ANSWER_CODEC).open()
            if isinstance(caller, Part):
                await self._callers.serve(wire, PartAuthority())
            else:
                authority = BackendAuthority(self._authentication, caller)
                await authority.while_valid(self._callers.serve(wire, authority))
