"""Trunkline's Python client: one device call per `call`, many on a `call_stream`, stored calls and what became of them,
and the typed stubs of the rest.

async with Client.connect("127.0.0.1:9090", token=jwt) as client:
    reply = await client.call("8b6d…", "getGpio", b'{"pin":7}')
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

import grpc.aio

from trunkline.client.call_stream import CallStream
from trunkline.contract.channel import open_channel
from trunkline.contract.metadata import AUTHORIZATION
from trunkline.contract.status import error_of
from trunkline.contract.streams.call_codec import CALLER_CODEC
from trunkline.contract.streams.grpc_wire import GrpcConnector
from trunkline.v1.call_pb2 import CallKind, CallRecord, CallState, DeliveryPolicy
from trunkline.v1.device_service_pb2 import WatchPresenceRequest, WatchPresenceResponse
from trunkline.v1.device_service_pb2_grpc import DeviceServiceStub
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceStub
from trunkline.v1.page_pb2 import PageRequest
from trunkline.v1.rpc_service_pb2 import (
    CallRequest,
    CancelCallRequest,
    CancelCallResponse,
    DeleteCallRequest,
    ExplainCallRequest,
    ExplainCallResponse,
    GetCallRequest,
    ListCallsRequest,
    ListCallsResponse,
    SubmitRequest,
    WatchCallsRequest,
    WatchCallsResponse,
)
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub

MAX_PARAMS_BYTES: Final = 1024 * 1024
"""The core's default for the params of one call and for a reply."""

T = TypeVar("T")


class Client:
    """A connection to one core, which is made when it is first needed. Use it from one event loop."""

    def __init__(self, channel: grpc.aio.Channel, token: str = "") -> None:
        """On a channel that the caller opened, and that this client closes."""
        self._channel = channel
        self._token = token
        authorized = cast(grpc.aio.Channel, _AuthorizedChannel(channel, self._metadata))
        self._calls = RpcServiceStub(authorized)
        self._call_stream = RpcServiceStub(channel).CallStream
        self.devices = DeviceServiceStub(authorized)
        """Devices and their credentials. Methods raise grpc.aio.AioRpcError, which `contract.status.error_of` reads."""
        self.identity = IdentityServiceStub(authorized)
        """Login, refresh and who one is; errors as with `devices`."""

    @classmethod
    def connect(
        cls,
        target: str,
        *,
        token: str = "",
        max_params_bytes: int = MAX_PARAMS_BYTES,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> Self:
        """A client of the core at a gRPC target such as `127.0.0.1:9090`.

        `token` is an access token, as `identity.Login` answers it. `credentials` are those of
        `grpc.ssl_channel_credentials`, for a core that serves TLS; without them nothing is encrypted, which is for
        loopback and Unix sockets.
        """
        return cls(open_channel(target, max_params_bytes=max_params_bytes, credentials=credentials), token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; whatever still waits on it is cancelled."""
        await self._channel.close(None)

    def use_token(self, token: str) -> None:
        """Prove ourselves by this access token from now on. An open call stream needs its `renew` beside."""
        self._token = token

    async def call(
        self,
        device_id: str,
        method: str,
        params: bytes = b"null",
        *,
        kind: CallKind.ValueType = CallKind.CALL_KIND_TWO_WAY,
        timeout_ms: int = 10_000,
        fail_fast: bool = False,
        await_delivery: bool = False,
    ) -> bytes:
        """Call a method on a device and return its reply, byte for byte as the device sent it; empty for one-way.

        `device_id` is UUID text, `params` one JSON value. Raises TrunklineError for every other outcome; its `metadata`
        names call_id, outcome and cause.
        """
        request = CallRequest(
            device_id=device_id,
            method=method,
            params=params,
            kind=kind,
            timeout_ms=timeout_ms,
            fail_fast=fail_fast,
            await_delivery=await_delivery,
        )
        return (await _answer(self._calls.Call(request))).reply

    async def submit(
        self,
        device_id: str,
        method: str,
        params: bytes = b"null",
        *,
        kind: CallKind.ValueType = CallKind.CALL_KIND_TWO_WAY,
        timeout_ms: int = 10_000,
        call_id: str = "",
        idempotency_key: str = "",
        additional_info: bytes = b"",
        policy: DeliveryPolicy | None = None,
        retries: int | None = None,
    ) -> str:
        """Store a call and return its id (UUID text) once it is never lost; the device need not be there.

        `timeout_ms` is until its deadline. Whoever submits the same content again with the same `idempotency_key`, or
        `call_id`, gets the first call's id. `policy` goes before the device profile's; `retries` is how often the call
        is sent again if the device does not acknowledge it, None: as often as the server allows. Raises TrunklineError:
        STORE_UNAVAILABLE (it was not stored), OUTCOME_UNKNOWN (it will not be delivered), CALL_CONFLICT, QUEUE_FULL.
        """
        request = SubmitRequest(
            device_id=device_id,
            method=method,
            params=params,
            kind=kind,
            timeout_ms=timeout_ms,
            call_id=call_id,
            idempotency_key=idempotency_key,
            additional_info=additional_info,
            policy=policy,
            retries=retries,
        )
        return (await _answer(self._calls.Submit(request))).call_id

    async def get_call(self, call_id: str, *, wait_ms: int = 0) -> CallRecord:
        """The call as it stands; with `wait_ms` once it ended, or as it stands when so much time passed.

        Of lightweight calls there are those that live, and for some minutes those that failed. Raises TrunklineError:
        CALL_NOT_FOUND.
        """
        return (await _answer(self._calls.GetCall(GetCallRequest(call_id=call_id, wait_ms=wait_ms)))).call

    async def list_calls(
        self, device_id: str, page: PageRequest | None = None, states: Iterable[CallState.ValueType] = ()
    ) -> ListCallsResponse:
        """One page of a device's stored calls, newest first unless `page` says otherwise; of these states, or all."""
        return await _answer(self._calls.ListCalls(ListCallsRequest(device_id=device_id, page=page, states=states)))

    async def cancel_call(self, call_id: str) -> CancelCallResponse:
        """End a living call; the answer says whether the device can have got it. Raises TrunklineError:
        CALL_NOT_FOUND."""
        return await _answer(self._calls.CancelCall(CancelCallRequest(call_id=call_id)))

    async def delete_call(self, call_id: str) -> None:
        """Remove a stored call, and withdraw it if it lives; for tenant administrators. Raises TrunklineError:
        CALL_NOT_FOUND."""
        await _answer(self._calls.DeleteCall(DeleteCallRequest(call_id=call_id)))

    async def explain_call(self, call_id: str) -> ExplainCallResponse:
        """What happened to a call, and why it ended as it did. Raises TrunklineError: CALL_NOT_FOUND."""
        return await _answer(self._calls.ExplainCall(ExplainCallRequest(call_id=call_id)))

    async def watch_calls(
        self,
        cursor: str = "",
        *,
        device_id: str = "",
        states: Iterable[CallState.ValueType] = (),
        methods: Iterable[str] = (),
        snapshot: bool = False,
    ) -> AsyncGenerator[WatchCallsResponse, None]:
        """Tell of calls as they change: of one device, some states, some methods, or all that the token's user may see.

        The first message comes at once. Keep the last message's `cursor`: a watch that begins with it misses nothing;
        if that is too long ago, `cursor_expired` comes, and then what stands, up to `snapshot_end`. `snapshot` asks
        for that at the beginning. Raises TrunklineError when the stream ends, as `watch_presence` does.
        """
        stream = self._calls.WatchCalls(
            WatchCallsRequest(cursor=cursor, device_id=device_id, states=states, methods=methods, snapshot=snapshot)
        )
        try:
            async for update in stream:
                yield update
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from None
        finally:
            stream.cancel()

    async def watch_presence(self, device_ids: Iterable[str] = ()) -> AsyncGenerator[WatchPresenceResponse, None]:
        """Tell of devices as they come and go: of these (UUID text), or of all that the token's user may see.

        First comes how things stand, in one or more messages, of which the last is `current`; then every change. Raises
        TrunklineError when the stream ends: CORE_UNAVAILABLE if the core went away, TOKEN_EXPIRED if the token is no
        longer good. Watch again then: it begins with how things stand.
        """
        stream = self.devices.WatchPresence(WatchPresenceRequest(device_ids=device_ids))
        try:
            async for update in stream:
                yield update
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from None
        finally:
            stream.cancel()

    def call_stream(self) -> CallStream:
        """A stream for many calls at once; use it as an async context manager."""
        return CallStream(GrpcConnector(self._call_stream, CALLER_CODEC, self._metadata))

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return ((AUTHORIZATION, f"Bearer {self._token}"),) if self._token else ()


async def _answer(asked: Awaitable[T]) -> T:
    """The answer to one request. Raises TrunklineError."""
    try:
        return await asked
    except grpc.aio.AioRpcError as error:
        raise error_of(error) from None


class _AuthorizedChannel:
    """What a stub needs of a channel, with our metadata in every single request. An interceptor would do the same at
    the price of a task per call."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Callable[[], tuple[tuple[str, str], ...]]) -> None:
        self._channel: Any = channel
        self._metadata = metadata

    def unary_unary(self, *args: Any, **options: Any) -> Callable[..., Any]:
        return self._authorized(self._channel.unary_unary(*args, **options))

    def unary_stream(self, *args: Any, **options: Any) -> Callable[..., Any]:
        return self._authorized(self._channel.unary_stream(*args, **options))

    def _authorized(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(request: Any, *, metadata: tuple[tuple[str, str], ...] = (), **options: Any) -> Any:
            return method(request, metadata=(*self._metadata(), *metadata), **options)

        return call

    def stream_stream(self, *args: Any, **options: Any) -> Any:
        return self._channel.stream_stream(*args, **options)
