"""Calls as they change: a stream of server-sent events."""

from collections.abc import AsyncGenerator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.errors import bad_request
from trunkline.facade.event_streams import EventAnswer, EventStreams, event
from trunkline.facade.openapi import Schema
from trunkline.facade.roles import caller_of_devices
from trunkline.facade.schemas.base import uuid_text
from trunkline.facade.schemas.rpc import RpcEvent
from trunkline.v1.call_pb2 import CallState
from trunkline.v1.rpc_service_pb2 import WatchCallsRequest, WatchCallsResponse

_STATES: Final = tuple(name.removeprefix("CALL_STATE_") for name in CallState.keys()[1:])

_EVENTS: Final[dict[int | str, Schema]] = {
    200: {
        "description": "Server-sent events: `call` for each change, `cursorExpired` and `snapshotEnd` around what "
        "stands, `end` with the standard error body as the last one",
        "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/RpcEvent"}}},
    }
}


def call_event_routes(connection: CoreConnection, authenticator: Authenticator, streams: EventStreams) -> APIRouter:
    """The route that watches calls."""
    router = APIRouter(prefix="/api/rpc", tags=["calls"])
    signed_in = Depends(caller_of_devices(authenticator))

    @router.get("/events", responses=_EVENTS, response_class=Response)
    async def call_events(
        caller: Annotated[Caller, signed_in], asked: Annotated[WatchCallsRequest, Depends(_asked)]
    ) -> Response:
        """Calls as they change, of all devices that the caller may call, until the caller leaves or its token ends."""
        messages = connection.follow(connection.rpc.WatchCalls, asked, caller.token)
        return EventAnswer(streams, _texts(messages), caller.expires_s)

    return router


def _asked(
    device_id: Annotated[
        str, Query(alias="deviceId", description="Only this device's calls", json_schema_extra={"format": "uuid"})
    ] = "",
    states: Annotated[
        list[str] | None, Query(alias="rpcStatus", description=f"Only changes to these: {', '.join(_STATES)}")
    ] = None,
    methods: Annotated[list[str] | None, Query(alias="method", description="Only calls of these methods")] = None,
    snapshot: Annotated[bool, Query(description="Begin with the calls that have not ended")] = False,
    last_event_id: Annotated[str, Header(alias="Last-Event-ID", description="Go on behind this event")] = "",
) -> WatchCallsRequest:
    return WatchCallsRequest(
        cursor=last_event_id,
        device_id=uuid_text(device_id) if device_id else "",
        states=[_state(name) for text in states or () for name in text.split(",") if name],
        methods=[method for method in methods or () if method],
        snapshot=snapshot,
    )


def _state(name: str) -> CallState.ValueType:
    if name not in _STATES:
        raise bad_request(f"Invalid value of request parameter 'rpcStatus': each is one of {', '.join(_STATES)}")
    return CallState.Value(f"CALL_STATE_{name}")


async def _texts(messages: AsyncGenerator[WatchCallsResponse, None]) -> AsyncGenerator[bytes, None]:
    """Each message's events in one piece; the cursor stands behind all of them, so only the last one has an id."""
    try:
        async for message in messages:
            events = [("call", RpcEvent.of(change).as_json()) for change in message.events]
            match message.WhichOneof("turn"):
                case "cursor_expired":
                    events.insert(0, ("cursorExpired", "{}"))
                case "snapshot_end":
                    events.append(("snapshotEnd", "{}"))
            last = len(events) - 1
            texts = [event(name, data, "" if i < last else message.cursor) for i, (name, data) in enumerate(events)]
            yield b"".join(texts) or f"id: {message.cursor}\n\n".encode()
    finally:
        await messages.aclose()
