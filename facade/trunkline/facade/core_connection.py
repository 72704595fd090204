"""The facade's way to the core: one stream for calls to devices, unary RPCs for everything else."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import grpc.aio

from trunkline.client.call_stream import CallStream
from trunkline.contract.channel import part_metadata
from trunkline.contract.errors import TrunklineError
from trunkline.contract.metadata import AUTHORIZATION, REQUEST_ID
from trunkline.contract.status import error_of
from trunkline.contract.streams.call_codec import CALLER_CODEC
from trunkline.contract.streams.frames import AnswerFrame, CallerFrame
from trunkline.contract.streams.grpc_wire import GrpcConnector
from trunkline.contract.streams.wire import Connector, Unreadable
from trunkline.facade.settings import FacadeSettings
from trunkline.facade.signing_keys import SigningKeys
from trunkline.v1.device_service_pb2_grpc import DeviceServiceStub
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2 import GetSigningKeysRequest
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceStub
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub

SOFTWARE: Final = "trunkline-facade"

CallConnector = Connector[CallerFrame, AnswerFrame | Unreadable]

Request = TypeVar("Request")
Response = TypeVar("Response")


class CoreConnection:
    """Everything that the facade says to the core. Owns neither the channel nor the stream: who made them ends them."""

    def __init__(self, channel: grpc.aio.Channel, calls: CallStream, *, timeout_ms: int) -> None:
        self.calls = calls
        self.identity = IdentityServiceStub(channel)
        self.devices = DeviceServiceStub(channel)
        self.rpc = RpcServiceStub(channel)
        self.signing_keys = SigningKeys(self._fetch_keys)
        self._timeout_s = timeout_ms / 1000

    async def ask(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        token: str = "",
        *,
        wait_ms: int = 0,
    ) -> Response:
        """One unary RPC, on behalf of the user whose access token that is. Raises TrunklineError.

        `wait_ms`: how much longer than usual the answer may take, because something is waited for.
        """
        try:
            return await method(request, timeout=self._timeout_s + wait_ms / 1000, metadata=_metadata(token))
        except grpc.aio.AioRpcError as rpc_error:
            raise _without_internals(error_of(rpc_error)) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise _unavailable() from None  # nobody cancelled us: the channel was closed

    async def follow(
        self, method: grpc.aio.UnaryStreamMultiCallable[Request, Response], request: Request, token: str
    ) -> AsyncGenerator[Response, None]:
        """The messages of a stream, on behalf of the user whose access token that is; close it to end the RPC.

        The first message must come in the usual time. Raises TrunklineError when the stream ends.
        """
        stream = method(request, metadata=_metadata(token))
        messages = aiter(stream)
        try:
            async with asyncio.timeout(self._timeout_s):
                first = await anext(messages)
            yield first
            async for message in messages:
                yield message
            raise _unavailable()  # the core ends it: it is about to stop
        except (StopAsyncIteration, TimeoutError):
            raise _unavailable() from None
        except grpc.aio.AioRpcError as rpc_error:
            raise _without_internals(error_of(rpc_error)) from None
        finally:
            stream.cancel()

    async def _fetch_keys(self) -> bytes:
        return (await self.ask(self.identity.GetSigningKeys, GetSigningKeysRequest())).jwks


@asynccontextmanager
async def core_connection(
    settings: FacadeSettings, connector: CallConnector | None = None
) -> AsyncIterator[CoreConnection]:
    """A connection to the core that the settings name, made when it is there and again after every break.

    Its calls go over `connector` where there is one: to a core in this process. Raises FileNotFoundError before the
    core's first start, when the installation has no secret yet.
    """
    location = settings.core_location
    async with location.address().open_channel(max_params_bytes=settings.max_params_bytes) as channel:
        if connector is None:
            metadata = part_metadata(location.secret())
            connector = GrpcConnector(RpcServiceStub(channel).CallStream, CALLER_CODEC, lambda: metadata)
        async with CallStream(connector, software=SOFTWARE) as calls:
            yield CoreConnection(channel, calls, timeout_ms=settings.core_timeout_ms)


def _without_internals(error: TrunklineError) -> TrunklineError:
    """A core that is away or too slow is one thing to a caller, and gRPC's text for it names addresses of ours."""
    if error.reason in (ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, ErrorReason.ERROR_REASON_CALL_EXPIRED):
        return _unavailable()
    return error


def _unavailable() -> TrunklineError:
    reason = ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
    return TrunklineError(reason, "The service cannot answer at the moment; try again")


def _metadata(token: str) -> tuple[tuple[str, str], ...]:
    request_id = (REQUEST_ID, secrets.token_hex(8))
    return (request_id, (AUTHORIZATION, f"Bearer {token}")) if token else (request_id,)
