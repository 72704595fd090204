import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from doubles.echoing_core import EchoingCore

from trunkline.client.client import Client
from trunkline.contract.channel import server_options
from trunkline.contract.errors import TrunklineError
from trunkline.contract.status import abort, error_of
from trunkline.contract.streams.call_codec import ANSWER_CODEC
from trunkline.contract.streams.grpc_wire import ServerWire
from trunkline.v1.call_pb2 import CallKind, CallRecord, CallState, DeliveryPolicy, Outcome, SubmitStrategy
from trunkline.v1.device_pb2 import Device
from trunkline.v1.device_service_pb2 import (
    DevicePresence,
    GetDeviceRequest,
    GetDeviceResponse,
    WatchPresenceRequest,
    WatchPresenceResponse,
)
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_pb2 import User
from trunkline.v1.identity_service_pb2 import GetSelfRequest, GetSelfResponse
from trunkline.v1.page_pb2 import PageRequest
from trunkline.v1.rpc_service_pb2 import (
    CallEvent,
    CallRequest,
    CallResponse,
    CancelCallRequest,
    CancelCallResponse,
    CancelResult,
    DeleteCallRequest,
    DeleteCallResponse,
    ExplainCallRequest,
    ExplainCallResponse,
    GetCallRequest,
    GetCallResponse,
    ListCallsRequest,
    ListCallsResponse,
    SubmitRequest,
    SubmitResponse,
    WatchCallsRequest,
    WatchCallsResponse,
)
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceServicer, add_RpcServiceServicer_to_server

DEVICE = "01020304-0506-4708-890a-0b0c0d0e0f10"
CALL = "11020304-0506-4708-890a-0b0c0d0e0f10"
UNKNOWN = "a call that is not there"


class Core(RpcServiceServicer):
    """A real server of three services; it remembers what it was asked, and by whom."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.tokens: list[str] = []
        self.echo = EchoingCore()

    def note(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        self.tokens.append(dict(context.invocation_metadata()).get("authorization", ""))

    async def Call(self, request: CallRequest, context: Any) -> CallResponse:
        self.note(request, context)
        if request.method == "offline":
            error = TrunklineError(ErrorReason.ERROR_REASON_DEVICE_OFFLINE, "no session", cause="DEVICE_OFFLINE")
            await abort(context, error)
        return CallResponse(outcome=Outcome.OUTCOME_SUCCEEDED, reply=request.params)

    async def CallStream(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # yields nothing
        self.note(None, context)
        wire = ServerWire(context, ANSWER_CODEC)
        await wire.close(await self.echo.serve(wire))

    async def Submit(self, request: SubmitRequest, context: Any) -> SubmitResponse:
        self.note(request, context)
        return SubmitResponse(call_id=request.call_id or CALL)

    async def GetCall(self, request: GetCallRequest, context: Any) -> GetCallResponse:
        await self.look_for(request, context)
        return GetCallResponse(call=CallRecord(call_id=request.call_id))

    async def ListCalls(self, request: ListCallsRequest, context: Any) -> ListCallsResponse:
        self.note(request, context)
        return ListCallsResponse(total=7)

    async def DeleteCall(self, request: DeleteCallRequest, context: Any) -> DeleteCallResponse:
        await self.look_for(request, context)
        return DeleteCallResponse()

    async def CancelCall(self, request: CancelCallRequest, context: Any) -> CancelCallResponse:
        await self.look_for(request, context)
        return CancelCallResponse(result=CancelResult.CANCEL_RESULT_MARKED)

    async def ExplainCall(self, request: ExplainCallRequest, context: Any) -> ExplainCallResponse:
        await self.look_for(request, context)
        return ExplainCallResponse(hint="try again")

    async def WatchCalls(self, request: WatchCallsRequest, context: Any) -> AsyncIterator[WatchCallsResponse]:
        self.note(request, context)
        yield WatchCallsResponse(cursor="1", events=[CallEvent(call_id=CALL)])
        if not request.cursor:
            await asyncio.Event().wait()
        await abort(context, TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "The core is shutting down"))

    async def look_for(self, request: Any, context: Any) -> None:
        self.note(request, context)
        if request.call_id == UNKNOWN:
            await abort(context, TrunklineError(ErrorReason.ERROR_REASON_CALL_NOT_FOUND, "There is none"))

    async def get_device(self, request: GetDeviceRequest, context: Any) -> GetDeviceResponse:
        self.note(request, context)
        return GetDeviceResponse(device=Device(id=request.id))

    async def watch_presence(self, request: WatchPresenceRequest, context: Any) -> AsyncIterator[WatchPresenceResponse]:
        self.note(request, context)
        for device_id in request.device_ids:
            yield WatchPresenceResponse(devices=[DevicePresence(device_id=device_id)])
        if not request.device_ids:
            yield WatchPresenceResponse(current=True)
            await asyncio.Event().wait()
        await abort(context, TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "The core is shutting down"))

    async def get_self(self, request: GetSelfRequest, context: Any) -> GetSelfResponse:
        self.note(request, context)
        await abort(context, TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired"))
        return GetSelfResponse(user=User())


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    core = Core()
    server = grpc.aio.server(options=server_options(1024 * 1024))
    add_RpcServiceServicer_to_server(core, server)
    methods: dict[str, tuple[str, Any, Any, Any]] = {
        "DeviceService": ("GetDevice", core.get_device, GetDeviceRequest, GetDeviceResponse),
        "IdentityService": ("GetSelf", core.get_self, GetSelfRequest, GetSelfResponse),
    }
    for service, (name, handler, request, response) in methods.items():
        method = grpc.unary_unary_rpc_method_handler(handler, request.FromString, response.SerializeToString)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(f"trunkline.v1.{service}", {name: method}),)
        )
    watch = grpc.unary_stream_rpc_method_handler(
        core.watch_presence, WatchPresenceRequest.FromString, WatchPresenceResponse.SerializeToString
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("trunkline.v1.DeviceService", {"WatchPresence": watch}),)
    )
    server.add_insecure_port(f"unix:{tmp_path / 'core.sock'}")
    await server.start()
    yield core
    await server.stop(None)


@pytest.fixture
async def client(core: Core, tmp_path: Path) -> AsyncIterator[Client]:
    async with asyncio.timeout(20), Client.connect(f"unix:{tmp_path / 'core.sock'}", token="first") as client:
        yield client


async def test_a_call_brings_the_devices_bytes(client: Client, core: Core) -> None:
    assert await client.call(DEVICE, "getGpio", b'{"pin": 7}') == b'{"pin": 7}'
    (request,) = core.requests
    assert (request.device_id, request.method, request.timeout_ms) == (DEVICE, "getGpio", 10_000)
    assert request.kind == CallKind.CALL_KIND_TWO_WAY
    assert core.tokens == ["Bearer first"]


async def test_a_call_passes_on_what_it_was_given(client: Client, core: Core) -> None:
    kind = CallKind.CALL_KIND_ONE_WAY
    await client.call(DEVICE, "m", kind=kind, timeout_ms=300, fail_fast=True, await_delivery=True)
    (request,) = core.requests
    assert (request.kind, request.timeout_ms, request.params) == (kind, 300, b"null")
    assert (request.fail_fast, request.await_delivery) == (True, True)


async def test_any_other_outcome_is_an_error_with_its_reason(client: Client) -> None:
    with pytest.raises(TrunklineError, match="no session") as raised:
        await client.call(DEVICE, "offline")
    assert raised.value.reason == ErrorReason.ERROR_REASON_DEVICE_OFFLINE
    assert raised.value.metadata == {"cause": "DEVICE_OFFLINE"}


async def test_a_token_changes_for_everything_that_begins_later(client: Client, core: Core) -> None:
    await client.devices.GetDevice(GetDeviceRequest(id=DEVICE))
    client.use_token("second")
    await client.devices.GetDevice(GetDeviceRequest(id=DEVICE))
    await client.call(DEVICE, "m")
    async with client.call_stream() as stream:
        await stream.call(b"device--16-bytes", "echo")
    assert core.tokens == ["Bearer first", "Bearer second", "Bearer second", "Bearer second"]


async def test_without_a_token_none_is_sent(core: Core, tmp_path: Path) -> None:
    async with asyncio.timeout(20), Client.connect(f"unix:{tmp_path / 'core.sock'}") as client:
        await client.call(DEVICE, "m")
    assert core.tokens == [""]


async def test_stubs_answer_and_fail_as_stubs_do(client: Client) -> None:
    answer = await client.devices.GetDevice(GetDeviceRequest(id=DEVICE), timeout=5)
    assert answer.device.id == DEVICE
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await client.identity.GetSelf(GetSelfRequest())
    assert error_of(raised.value).reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED


async def test_many_calls_share_a_stream(client: Client) -> None:
    async with client.call_stream() as stream:
        calls = (stream.call(b"device--16-bytes", "echo", str(n).encode()) for n in range(50))
        results = await asyncio.gather(*calls)
    assert [result.payload for result in results] == [str(n).encode() for n in range(50)]


async def test_presence_is_watched_until_the_core_ends_it(client: Client, core: Core) -> None:
    seen = []
    with pytest.raises(TrunklineError) as raised:
        async for update in client.watch_presence([DEVICE, "another"]):
            seen += [one.device_id for one in update.devices]
    assert seen == [DEVICE, "another"]
    assert raised.value.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
    assert core.tokens == ["Bearer first"]


async def test_presence_is_watched_until_nobody_wants_to_know(client: Client, core: Core) -> None:
    async with aclosing(client.watch_presence()) as updates:
        assert (await anext(updates)).current
    async with aclosing(client.watch_presence()) as updates:
        assert (await anext(updates)).current  # the connection goes on


async def test_a_call_is_stored_as_it_was_given(client: Client, core: Core) -> None:
    assert await client.submit(DEVICE, "m") == CALL
    policy = DeliveryPolicy(strategy=SubmitStrategy.SUBMIT_STRATEGY_BURST)
    kind = CallKind.CALL_KIND_ONE_WAY
    given: dict[str, Any] = {"timeout_ms": 300, "idempotency_key": "k", "additional_info": b"{}", "policy": policy}
    assert await client.submit(DEVICE, "m", b"[1]", kind=kind, call_id=DEVICE, retries=0, **given) == DEVICE
    plain, full = core.requests
    two_way = CallKind.CALL_KIND_TWO_WAY
    assert plain == SubmitRequest(device_id=DEVICE, method="m", params=b"null", kind=two_way, timeout_ms=10_000)
    assert full == SubmitRequest(
        device_id=DEVICE, method="m", params=b"[1]", kind=kind, call_id=DEVICE, retries=0, **given
    )
    assert core.tokens == ["Bearer first"] * 2


async def test_calls_are_read_cancelled_deleted_and_explained(client: Client, core: Core) -> None:
    assert (await client.get_call(CALL)).call_id == CALL
    await client.get_call(CALL, wait_ms=5)
    page, states = PageRequest(size=2), [CallState.CALL_STATE_QUEUED]
    assert (await client.list_calls(DEVICE)).total == 7
    await client.list_calls(DEVICE, page, states)
    assert (await client.cancel_call(CALL)).result == CancelResult.CANCEL_RESULT_MARKED
    await client.delete_call(CALL)
    assert (await client.explain_call(CALL)).hint == "try again"
    assert core.requests == [
        GetCallRequest(call_id=CALL),
        GetCallRequest(call_id=CALL, wait_ms=5),
        ListCallsRequest(device_id=DEVICE),
        ListCallsRequest(device_id=DEVICE, page=page, states=states),
        CancelCallRequest(call_id=CALL),
        DeleteCallRequest(call_id=CALL),
        ExplainCallRequest(call_id=CALL),
    ]


async def test_a_call_that_is_not_there_is_an_error(client: Client) -> None:
    for asked in (client.get_call, client.cancel_call, client.delete_call, client.explain_call):
        method: Any = asked
        with pytest.raises(TrunklineError, match="There is none") as raised:
            await method(UNKNOWN)
        assert raised.value.reason == ErrorReason.ERROR_REASON_CALL_NOT_FOUND


async def test_calls_are_watched_until_the_core_ends_it(client: Client, core: Core) -> None:
    seen = []
    states = [CallState.CALL_STATE_FAILED]
    with pytest.raises(TrunklineError) as raised:
        async for update in client.watch_calls("0", device_id=DEVICE, states=states, methods=["m"], snapshot=True):
            seen += [(update.cursor, event.call_id) for event in update.events]
    assert seen == [("1", CALL)]
    assert raised.value.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
    assert core.requests == [
        WatchCallsRequest(cursor="0", device_id=DEVICE, states=states, methods=["m"], snapshot=True)
    ]


async def test_calls_are_watched_until_nobody_wants_to_know(client: Client, core: Core) -> None:
    for _ in range(2):  # the connection goes on
        async with aclosing(client.watch_calls()) as updates:
            assert (await anext(updates)).cursor == "1"
    assert core.requests == [WatchCallsRequest()] * 2
