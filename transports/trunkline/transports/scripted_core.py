"""A core for tests of endpoints: a real end of the link, and behind it only what the test says."""

import asyncio
import os
from collections.abc import Collection, Sequence
from typing import Self, TypeVar

from trunkline.contract.clock import Clock, monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.core_end import CoreEnd, NotWritten, Written
from trunkline.contract.streams.frames import (
    Connect,
    Connected,
    CoreFrame,
    Deliver,
    LinkHello,
    Refused,
    Subscribe,
    Subscribed,
    TransportProfile,
    WorkerFrame,
)
from trunkline.contract.streams.memory_wire import MemoryConnector
from trunkline.contract.streams.pump import pump
from trunkline.contract.streams.wire import Unreadable, Wire, WireBroken
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import ErrorReason

Heard = WorkerFrame | Unreadable | Written | NotWritten

T = TypeVar("T")


class ScriptedCore:
    """Lets in devices whose token it knows and applies every subscription, at once; the rest is left to the test.

    Use it as a context manager; a worker connects through `connector`.
    """

    def __init__(self, tokens: Collection[str], *, clock: Clock = monotonic_ms) -> None:
        self.connector: MemoryConnector[WorkerFrame, CoreFrame] = MemoryConnector(self._accept)
        self.silent = False
        """True: Connect and Subscribe are heard, but not answered."""
        self.profile = TransportProfile(bytes(16), 1)
        """Of every device, told with each Connected; change it, and send ProfileChanged to those who are there."""
        self._tokens = frozenset(tokens)
        self._clock = clock
        self._core_id = os.urandom(16)
        self._end: CoreEnd | None = None
        self._wire: Wire[CoreFrame, WorkerFrame | Unreadable] | None = None
        self._group = asyncio.TaskGroup()
        self._heard: list[Heard] = []
        self._news = asyncio.Event()
        self._epoch = 0

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._wire is not None:
            await self._wire.close()
        await self._group.__aexit__(None, None, None)

    # --- what a test does ---

    async def hear(self, kind: type[T]) -> T:
        """The oldest frame or effect of this kind that was not heard yet; waits for it."""
        while True:
            for index, heard in enumerate(self._heard):
                if isinstance(heard, kind):
                    del self._heard[index]
                    return heard
            self._news.clear()
            await self._news.wait()

    async def hear_any(self) -> None:
        """Wait until something more comes, and leave it."""
        self._news.clear()
        await self._news.wait()

    def heard(self, kind: type[T]) -> list[T]:
        """All of this kind that came and were not heard yet."""
        return [heard for heard in self._heard if isinstance(heard, kind)]

    def forget(self) -> None:
        """Drop what came and was not heard."""
        self._heard.clear()

    def send(self, frame: CoreFrame) -> None:
        """Say something to the worker."""
        if self._end is None:
            raise RuntimeError("no worker has said hello yet")
        self._end.send(frame)

    def deliver(
        self,
        session: int,
        request_id: int,
        method: str = "setGpio",
        params: bytes = b'{"pin":7}',
        *,
        timeout_ms: int = 10_000,
        call_id: bytes = b"",
        durable: bool = False,
        prompt: bool = False,
    ) -> None:
        """Deliver a two-way call."""
        self.send(
            Deliver(
                session,
                request_id,
                method,
                params,
                self._clock() + timeout_ms,
                CallKind.CALL_KIND_TWO_WAY,
                call_id,
                durable=durable,
                prompt=prompt,
            )
        )

    async def cut(self, reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_CORE_UNAVAILABLE) -> None:
        """Break the link; the worker comes back on its own, unless the reason tells it not to."""
        if self._wire is not None:
            await self._wire.close(TrunklineError(reason, "cut by the test"))

    # --- the link ---

    def _accept(self, wire: Wire[CoreFrame, WorkerFrame | Unreadable]) -> None:
        self._group.create_task(self._serve(wire), name="scripted core")

    async def _serve(self, wire: Wire[CoreFrame, WorkerFrame | Unreadable]) -> None:
        try:
            greeting = await wire.read()
            if greeting is None or not isinstance(greeting.frames[0], LinkHello):
                raise AssertionError("a link begins with hello")
            self._wire = wire
            if self._end is None:
                self._end = CoreEnd(
                    self._core_id, max_frame_bytes=2 << 20, max_unacked_bytes=8 << 20, heartbeat_ms=2_000
                )
            self._handle([greeting.frames[0], *self._end.accept(greeting.frames[0], self._clock())])
            await pump(wire, self._end, self._handle, clock=self._clock)
        except WireBroken:
            pass  # cut by the test, or the worker ended
        finally:
            if self._end is not None:
                self._handle(self._end.broken(self._clock()))

    def _handle(self, effects: Sequence[Heard]) -> None:
        self._heard.extend(effects)
        self._news.set()
        for effect in effects:
            if self.silent:
                continue
            if isinstance(effect, Connect):
                self.answer(effect)
            elif isinstance(effect, Subscribe):
                self.send(Subscribed(effect.session))

    def answer(self, connect: Connect) -> None:
        """Let the device in if its token is known; refuse it otherwise."""
        token = connect.access_token or (connect.mqtt_basic.user_name if connect.mqtt_basic is not None else "")
        if token not in self._tokens:
            self.send(Refused(connect.session, ErrorReason.ERROR_REASON_BAD_CREDENTIALS, "Unknown device credentials"))
            return
        self._epoch += 1
        self.send(
            Connected(
                connect.session,
                device_id=token.encode()[:16].ljust(16, b"\0"),
                epoch=self._epoch,
                device_name=token,
                credentials_version=1,
                profile_id=self.profile.profile_id,
                gateway=token.startswith("gateway"),
                profile=self.profile,
            )
        )
