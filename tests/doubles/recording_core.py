"""A core for the tests of its callers: real gRPC on a Unix socket, recording what it is asked and answering as told."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import grpc.aio
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from trunkline.contract.channel import server_options
from trunkline.contract.errors import TrunklineError
from trunkline.contract.metadata import PART_SECRET, SECRET_FILE, SOCKET_FILE
from trunkline.contract.status import abort
from trunkline.v1 import identity_service_pb2 as identity_pb
from trunkline.v1.call_pb2 import CALL_KIND_ONE_WAY, OUTCOME_SENT, OUTCOME_SUCCEEDED
from trunkline.v1.device_service_pb2_grpc import add_DeviceServiceServicer_to_server
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2_grpc import add_IdentityServiceServicer_to_server
from trunkline.v1.rpc_service_pb2 import (
    AnswerFrame,
    BindPrincipal,
    CallerWelcome,
    CallResult,
    CallStreamResponse,
    StartCall,
    WatchCallsRequest,
    WatchCallsResponse,
)
from trunkline.v1.rpc_service_pb2_grpc import add_RpcServiceServicer_to_server

SECRET = "5ec7e7"
MAX_PARAMS_BYTES = 1024 * 1024
DEVICE = "784f394c-42b6-435a-983c-b7beff2784f9"
NO_ENTITY = "13814000-1dd2-11b2-8080-808080808080"
TENANT = "9329b256-96a2-491c-ba5e-9d2014145311"
USER = "dda8d87a-14bd-4cd6-819a-325676cef9ba"
SESSION = "01a20dea-c0ae-7185-9494-2abcba0b9328"

Answer = Callable[[StartCall], CallResult | None]


def accept_all(call: StartCall) -> CallResult:
    """Every device answers `{"ok":true}`; one-way calls are sent."""
    if call.kind == CALL_KIND_ONE_WAY:
        return CallResult(outcome=OUTCOME_SENT)
    return CallResult(outcome=OUTCOME_SUCCEEDED, payload=b'{"ok":true}')


class Signer:
    """Signs tokens as the core does, and as it would not."""

    def __init__(self, key_id: str = "key-1") -> None:
        self.key_id = key_id
        self._key = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> dict[str, Any]:
        """The public key, as a JSON Web Key."""
        key: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(self._key.public_key()))
        return key | {"kid": self.key_id, "alg": "ES256", "use": "sig"}

    def sign(self, **claims: object) -> str:
        """A tenant administrator's access token; claims that are given go before, None leaves one out."""
        now = int(time.time())
        all_claims = {
            "sub": "tenant@thingsboard.org",
            "userId": USER,
            "scopes": ["TENANT_ADMIN"],
            "sessionId": SESSION,
            "exp": now + 9000,
            "iat": now,
            "iss": "thingsboard.io",
            "enabled": True,
            "isPublic": False,
            "tenantId": TENANT,
            "customerId": NO_ENTITY,
        } | claims
        kept = {name: value for name, value in all_claims.items() if value is not None}
        return jwt.encode(kept, self._key, "ES256", headers={"kid": self.key_id})


class RecordingCore:
    """Use it as an async context manager; `stop` and `start` in between make it go away and come back."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.signer = Signer()
        self.answer: Answer = accept_all
        """What becomes of a call; None leaves it open."""
        self.calls: asyncio.Queue[StartCall] = asyncio.Queue()
        self.hang_ups: asyncio.Queue[int] = asyncio.Queue()
        self.principals: dict[int, BindPrincipal] = {}
        self.asked: list[Any] = []
        """Requests of the unary methods."""
        self.tokens: list[str] = []
        """`authorization` of each of them; empty if there was none."""
        self.answers: dict[type, Any] = {}
        """What unary methods answer, by the type of their request: a message, a TrunklineError or a future of either,
        which is cancelled with the request."""
        self.watches: asyncio.Queue[WatchCallsRequest] = asyncio.Queue()
        """Streams that watch calls, as they were asked for."""
        self.news: asyncio.Queue[WatchCallsResponse | TrunklineError | None] = asyncio.Queue()
        """What the next such stream to ask tells; None and an error end it."""
        self.watchers_left = asyncio.Semaphore(0)
        """One for each that was left by its reader."""
        self.key_fetches = 0
        self.welcomed = asyncio.Event()
        """A caller said hello."""
        self._server: grpc.aio.Server
        self._streams: set[asyncio.Queue[AnswerFrame]] = set()

    async def __aenter__(self) -> Self:
        (self.data_dir / SECRET_FILE).write_text(SECRET)
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen on the socket in the data directory."""
        self._server = grpc.aio.server(options=server_options(MAX_PARAMS_BYTES))
        rpc: Any = _Rpc(self)
        identity: Any = _Identity(self)
        devices: Any = _AsTold(self)
        add_RpcServiceServicer_to_server(rpc, self._server)
        add_IdentityServiceServicer_to_server(identity, self._server)
        add_DeviceServiceServicer_to_server(devices, self._server)
        self._server.add_insecure_port(f"unix:{self.data_dir / SOCKET_FILE}")
        await self._server.start()

    async def stop(self) -> None:
        """Go away as a killed process does."""
        await self._server.stop(0)

    def send(self, frame: AnswerFrame) -> None:
        """Say something on every stream."""
        for stream in self._streams:
            stream.put_nowait(frame)

    def finish(self, call: StartCall, result: CallResult) -> None:
        """Say how an open call ended."""
        result.tag = call.tag
        self.send(AnswerFrame(result=result))

    @contextmanager
    def joined(self) -> Iterator["asyncio.Queue[AnswerFrame]"]:
        """The frames that a new stream has to write."""
        stream: asyncio.Queue[AnswerFrame] = asyncio.Queue()
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    async def unary(self, request: Any, context: Any) -> Any:
        """Record a request and give its scripted answer."""
        self.asked.append(request)
        metadata = dict(context.invocation_metadata() or ())
        self.tokens.append(str(metadata.get("authorization", "")))
        answer = self.answers[type(request)]
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, TrunklineError):
            await abort(context, answer)
        return answer


class _AsTold:
    """A service whose every method records its request and gives its scripted answer."""

    def __init__(self, core: RecordingCore) -> None:
        self._core = core

    def __getattr__(self, method: str) -> Callable[[Any, Any], Awaitable[Any]]:
        return self._core.unary


class _Rpc(_AsTold):
    """The streams do something of their own."""

    async def WatchCalls(self, request: WatchCallsRequest, context: Any) -> None:
        self._core.watches.put_nowait(request)
        self._core.tokens.append(str(dict(context.invocation_metadata()).get("authorization", "")))
        try:
            while (news := await self._core.news.get()) is not None:
                if isinstance(news, TrunklineError):
                    await abort(context, news)
                await context.write(news)
        except asyncio.CancelledError:
            self._core.watchers_left.release()
            raise

    async def CallStream(self, request_iterator: Any, context: Any) -> None:
        if (PART_SECRET, SECRET) not in tuple(context.invocation_metadata() or ()):
            await abort(context, TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "no part"))
        with self._core.joined() as stream:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(_write(context, stream))
                await self._read(context, stream)
                writer.cancel()

    async def _read(self, context: Any, stream: "asyncio.Queue[AnswerFrame]") -> None:
        core = self._core
        while (batch := await context.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs lack it
            for frame in batch.frames:
                match frame.WhichOneof("frame"):
                    case "hello":
                        welcome = CallerWelcome(
                            version=1,
                            core_id=b"c" * 16,
                            max_open_calls=1000,
                            max_frame_bytes=MAX_PARAMS_BYTES * 2,
                            heartbeat_ms=2000,
                            max_open_bytes=64 * MAX_PARAMS_BYTES,
                        )
                        stream.put_nowait(AnswerFrame(welcome=welcome))
                        core.welcomed.set()
                    case "principal":
                        core.principals[frame.principal.principal] = frame.principal
                    case "call":
                        core.calls.put_nowait(frame.call)
                        result = core.answer(frame.call)
                        if result is not None:
                            result.tag = frame.call.tag
                            stream.put_nowait(AnswerFrame(result=result))
                    case "hang_up":
                        for tag in frame.hang_up.tags:
                            core.hang_ups.put_nowait(tag)


async def _write(context: Any, stream: "asyncio.Queue[AnswerFrame]") -> None:
    while True:
        frame = await stream.get()
        await context.write(CallStreamResponse(clock_ms=time.monotonic_ns() // 1_000_000, frames=[frame]))


class _Identity(_AsTold):
    """The keys are real."""

    async def GetSigningKeys(self, request: Any, context: Any) -> identity_pb.GetSigningKeysResponse:
        self._core.key_fetches += 1
        return identity_pb.GetSigningKeysResponse(jwks=json.dumps({"keys": [self._core.signer.public()]}).encode())
