"""Wires over gRPC: a client's, opened by a connector, and a server's, around the context of a handler.

Both encode when a batch is written and decode when it is read, so that remaining times are honest on either side.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, Self, TypeVar

import grpc.aio
from google.protobuf.message import DecodeError

from trunkline.contract.clock import Clock, monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.status import abort, error_of
from trunkline.contract.streams.codec import Codec
from trunkline.contract.streams.frames import Batch, Frame
from trunkline.contract.streams.peer_clock import PeerClock
from trunkline.contract.streams.wire import Unreadable, WireBroken, read_each
from trunkline.v1.error_pb2 import ErrorReason

Out = TypeVar("Out", bound=Frame)
In = TypeVar("In", bound=Frame)

Metadata = Sequence[tuple[str, str]]

_EOF: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it


def no_metadata() -> Metadata:
    """For servers that ask for no proof."""
    return ()


class GrpcConnector(Generic[Out, In]):
    """Opens streams of one bidirectional method: `GrpcConnector(RpcServiceStub(channel).CallStream, CALLER_CODEC)`."""

    def __init__(
        self,
        method: "grpc.aio.StreamStreamMultiCallable[Any, Any]",
        codec: Codec[Out, In],
        metadata: Callable[[], Metadata] = no_metadata,
        *,
        clock: Clock = monotonic_ms,
    ) -> None:
        """`metadata` is asked at each connection: what it gives may change, such as a token."""
        self._open: Any = method  # its stub wants an iterator of requests, which streams that are written to have not
        self._codec = codec
        self._metadata = metadata
        self._clock = clock

    async def connect(self) -> "ClientWire[Out, In]":
        """A stream that goes to the server as soon as there is one: until then nothing can be read from it."""
        call = self._open(metadata=grpc.aio.Metadata(*self._metadata()), wait_for_ready=True)
        return ClientWire(call, self._codec, self._clock)


class ClientWire(Generic[Out, In]):
    """The client's side of one stream."""

    def __init__(self, call: Any, codec: Codec[Out, In], clock: Clock) -> None:
        """`call` is a grpc.aio.StreamStreamCall that nobody else reads or writes."""
        self._call = call
        self._send = call._cython_call.send_serialized_message
        self._ready = False
        self._encode = codec.encode
        self._decode = codec.decode
        self._clock = clock
        self._peer_clock = PeerClock()
        self._interrupted: TrunklineError | None = None

    async def write(self, batch: Batch[Out]) -> None:
        try:
            if not self._ready:
                await self._call.wait_for_connection()
                self._ready = True
            # The call's own `write` takes a failed write for the stream's status: what the peer wrote before it ended
            # the stream, and why it did, could not be read any more.
            await self._send(self._encode(batch, self._clock()).SerializeToString())
        except grpc.aio.AioRpcError as error:
            raise WireBroken(error_of(error)) from None
        except grpc.aio.BaseError:
            raise WireBroken(_unavailable("the stream has ended")) from None

    async def read(self) -> Batch[In] | None:
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise WireBroken(error_of(error)) from None
        except asyncio.CancelledError:
            if self._interrupted is None:
                raise
            raise self._interrupted from None
        if message is _EOF:
            return None
        if message is None:  # how gRPC says that its deserializer failed
            raise _unreadable()
        now = self._clock()
        return self._decode(message, now, self._peer_clock.excess(message.clock_ms, now))

    async def each(self, take: Callable[[Batch[In | Unreadable]], None]) -> None:
        await read_each(self, take)

    def interrupt(self, error: TrunklineError) -> None:
        self._interrupted = error
        self._call.cancel()

    async def close(self, error: TrunklineError | None = None) -> None:
        self._call.cancel()


class ServerWire(Generic[Out, In]):
    """The server's side of one stream: made in the method's handler, which ends the stream by returning."""

    def __init__(
        self, context: "grpc.aio.ServicerContext[Any, Any]", codec: Codec[Out, In], clock: Clock = monotonic_ms
    ) -> None:
        self._context = context
        self._encode = codec.encode
        self._decode = codec.decode
        self._clock = clock
        self._peer_clock = PeerClock()
        self._interrupted: TrunklineError | None = None
        self._reader: asyncio.Task[Any] | None = None

    async def open(self) -> Self:
        """Begin the answer: gRPC can send no status behind a first write that was cancelled. Raises WireBroken."""
        try:
            await self._context.send_initial_metadata(())
        except (grpc.aio.BaseError, asyncio.InvalidStateError) as error:
            raise WireBroken(_unavailable(f"the stream has ended: {error}")) from None
        return self

    async def write(self, batch: Batch[Out]) -> None:
        try:
            await self._context.write(self._encode(batch, self._clock()))
        except (grpc.aio.BaseError, asyncio.InvalidStateError) as error:
            raise WireBroken(_unavailable(f"the stream has ended: {error}")) from None

    async def read(self) -> Batch[In] | None:
        if self._interrupted is not None:
            raise self._interrupted
        self._reader = asyncio.current_task()
        try:
            message = await self._context.read()
        except asyncio.CancelledError:
            if self._interrupted is None or self._reader is None or self._reader.uncancel():
                raise
            raise self._interrupted from None
        except grpc.aio.BaseError as error:
            raise WireBroken(_unavailable(f"the stream has ended: {error}")) from None
        except DecodeError:
            raise _unreadable() from None
        finally:
            self._reader = None
        if message is _EOF:
            return None
        now = self._clock()
        return self._decode(message, now, self._peer_clock.excess(message.clock_ms, now))

    async def each(self, take: Callable[[Batch[In | Unreadable]], None]) -> None:
        await read_each(self, take)

    def interrupt(self, error: TrunklineError) -> None:
        if self._interrupted is not None:
            return  # cancelled twice, the read could not tell that from a cancellation of its task
        self._interrupted = error
        if self._reader is not None:
            self._reader.cancel()  # taken back by the read: gRPC has no other way to leave one

    async def close(self, error: TrunklineError | None = None) -> None:
        if error is not None:
            await abort(self._context, error)


def _unavailable(message: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, message)


def _unreadable() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION, "a message is not what its method's type says")
