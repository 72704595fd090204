"""Persistent calls: one, a device's list, deleting and cancelling; and what happened to any call."""

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from trunkline.contract.errors import TrunklineError
from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.errors import bad_request
from trunkline.facade.list_answers import page_answer
from trunkline.facade.openapi import EMPTY_ANSWER, answer_of
from trunkline.facade.paging import paging
from trunkline.facade.path_ids import DeviceId, RpcId
from trunkline.facade.roles import caller_of_devices, require_role
from trunkline.facade.schemas.rpc import Cancellation, Explanation, Rpc, RpcPage, Shown
from trunkline.facade.waiting import unless_hung_up
from trunkline.v1 import rpc_service_pb2 as pb
from trunkline.v1.call_pb2 import CallState
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.page_pb2 import PageRequest

_SORTABLE: Final = {
    "createdTime": "create_time",
    "expirationTime": "expire_time",
    "status": "state",
    "request": "method",
    "response": "end_time",
    "id": "call_id",
    "deviceId": "create_time",  # they are all of one device and tenant, so any order will do
    "tenantId": "create_time",
}

_page: Final = Depends(paging(_SORTABLE, "method, params or response"))

_STORED: Final = ("QUEUED", "SENT", "DELIVERED", "SUCCESSFUL", "TIMEOUT", "EXPIRED", "FAILED")

Answer = TypeVar("Answer")


def persistent_call_routes(connection: CoreConnection, authenticator: Authenticator, *, most_wait_ms: int) -> APIRouter:
    """The routes for calls below `/api/rpc`, but for those that make one. Nobody waits longer than `most_wait_ms`."""
    router = APIRouter(prefix="/api/rpc", tags=["calls"])
    rpc = connection.rpc
    signed_in = Depends(caller_of_devices(authenticator))

    @router.get("/persistent/{rpcId}", responses=answer_of(Rpc))
    async def get_persistent_call(
        request: Request,
        rpc_id: RpcId,
        caller: Annotated[Caller, signed_in],
        wait_ms: Annotated[
            int, Query(alias="waitMs", description="Answer when the call has ended, or after so many milliseconds")
        ] = 0,
    ) -> Response:
        """One persistent call as it stands."""
        if wait_ms < 0:
            raise bad_request("Invalid value of request parameter 'waitMs': it must not be negative")
        asked = pb.GetCallRequest(call_id=rpc_id, wait_ms=min(wait_ms, most_wait_ms))
        asking = connection.ask(rpc.GetCall, asked, caller.token, wait_ms=asked.wait_ms)
        answer = await _about(rpc_id, unless_hung_up(request.receive, asking) if wait_ms else asking)
        if not answer.call.persistent:
            raise _unknown(rpc_id)
        return _json(Rpc.of(answer.call))

    @router.get("/persistent/device/{deviceId}", responses=answer_of(RpcPage))
    async def list_persistent_calls(
        device_id: DeviceId,
        caller: Annotated[Caller, signed_in],
        page: Annotated[PageRequest, _page],
        status: Annotated[
            str, Query(alias="rpcStatus", description=f"One of {', '.join(_STORED)}; without it all")
        ] = "",
    ) -> Response:
        """A device's persistent calls."""
        states = [_stored_state(status)] if status else []
        asked = pb.ListCallsRequest(device_id=device_id, page=page, states=states)
        answer = await connection.ask(rpc.ListCalls, asked, caller.token)
        return await page_answer(answer.calls, Rpc.of, answer.total, page)

    @router.delete("/persistent/{rpcId}", responses=EMPTY_ANSWER, response_class=Response)
    async def delete_persistent_call(rpc_id: RpcId, caller: Annotated[Caller, signed_in]) -> Response:
        """Remove a persistent call; one that has not ended is cancelled with it."""
        require_role(caller, pb.ROLE_TENANT_ADMIN)
        await _about(rpc_id, connection.ask(rpc.DeleteCall, pb.DeleteCallRequest(call_id=rpc_id), caller.token))
        return Response()

    @router.post("/persistent/{rpcId}/cancel", responses=answer_of(Cancellation))
    async def cancel_call(rpc_id: RpcId, caller: Annotated[Caller, signed_in]) -> Response:
        """End a call, persistent or not, and say whether the device can have got it."""
        asking = connection.ask(rpc.CancelCall, pb.CancelCallRequest(call_id=rpc_id), caller.token)
        return _json(Cancellation.of(await _about(rpc_id, asking)))

    @router.get("/{rpcId}/explain", responses=answer_of(Explanation))
    async def explain_call(rpc_id: RpcId, caller: Annotated[Caller, signed_in]) -> Response:
        """What happened to a call, step by step, and why it ended as it did.

        Of a persistent call as long as it is kept; of another one while it lives and, unless it succeeded, for some
        minutes after.
        """
        asking = connection.ask(rpc.ExplainCall, pb.ExplainCallRequest(call_id=rpc_id), caller.token)
        return _json(Explanation.of(await _about(rpc_id, asking)))

    return router


async def _about(rpc_id: str, asking: Awaitable[Answer]) -> Answer:
    """The answer about a call; that there is none is told in ThingsBoard's words."""
    try:
        return await asking
    except TrunklineError as error:
        if error.reason == ErrorReason.ERROR_REASON_CALL_NOT_FOUND:
            raise _unknown(rpc_id) from None
        raise


def _unknown(rpc_id: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_CALL_NOT_FOUND, f"Rpc with id [{rpc_id}] is not found")


def _stored_state(status: str) -> CallState.ValueType:
    if status not in _STORED:
        raise bad_request(f"Invalid value of request parameter 'rpcStatus': it is one of {', '.join(_STORED)}")
    return CallState.Value(f"CALL_STATE_{status}")


def _json(shown: Shown) -> Response:
    return Response(shown.as_json(), HTTPStatus.OK, media_type="application/json")
