"""All links: which workers are connected, which of them has which name, and how a fresh stream finds its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.frames import VERSION, CoreFrame, Drain, LinkHello, WorkerFrame
from trunkline.contract.streams.pump import pump
from trunkline.contract.streams.wire import Unreadable, Wire
from trunkline.core.links.worker_link import WorkerLink
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

INCARNATION_BYTES: Final = 16

KEEP_NUMBERS_S: Final = 600.0
"""How long a broken link's numbers are kept for its worker."""


class _Stream:
    """The stream that a link runs on at present."""

    def __init__(self, wire: Wire[CoreFrame, WorkerFrame | Unreadable]) -> None:
        self.wire = wire
        self.over = asyncio.Event()


class Links:
    """Serves every link; at most one at a time under each worker_id."""

    def __init__(
        self,
        *,
        clock: Clock,
        new_link: Callable[[LinkHello], WorkerLink],
        hello_timeout_s: float,
    ) -> None:
        self._clock = clock
        self._new_link = new_link
        self._hello_timeout_s = hello_timeout_s
        self._links: dict[str, WorkerLink] = {}
        self._streams: dict[str, _Stream] = {}
        self._forgetting: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """Links that have a stream."""
        return len(self._streams)

    @property
    def sessions(self) -> int:
        """Sessions on all links, suspended ones included."""
        return sum(len(link.sessions) for link in list(self._links.values()))  # asked from another thread

    @property
    def returning(self) -> bool:
        """Whether workers are about to name the sessions they have."""
        return any(link.returning for link in self._links.values())

    async def serve(self, wire: Wire[CoreFrame, WorkerFrame | Unreadable]) -> None:
        """Serve one stream until it ends.

        Raises TrunklineError where its worker must be told why it ended, and WireBroken where nobody is there to be
        told.
        """
        hello = await self._hello(wire)
        await self._end_stream(hello)
        link = self._link(hello)
        stream = self._streams[hello.worker_id] = _Stream(wire)
        log.info("worker_linked", worker=link.worker_id, transport=link.transport, sessions=len(link.sessions))
        try:
            link.welcomed(link.end.accept(hello, self._clock()))
            await pump(wire, link.end, link.handle, clock=self._clock)
        finally:
            link.broken(link.end.broken(self._clock()))
            log.info("link_broken", worker=link.worker_id, sessions=len(link.sessions))
            del self._streams[hello.worker_id]
            self._forget_later(link)
            stream.over.set()

    def drain(self, grace_ms: int) -> None:
        """Tell every worker that this core is about to end."""
        for worker_id in self._streams:
            self._links[worker_id].end.send(Drain(0, grace_ms))

    def close(self) -> None:
        """Forget all workers; the core has ended, and no stream is open."""
        for forgetting in self._forgetting.values():
            forgetting.cancel()
        for link in self._links.values():
            link.stop_clock()

    def close_device(self, device_id: bytes, reason: ErrorReason.ValueType) -> None:
        """End the device's sessions, wherever they are."""
        for link in self._links.values():
            link.close_device(device_id, reason)

    def profile_changed(self, profile_id: bytes) -> None:
        """Tell every worker that knows the profile."""
        for link in self._links.values():
            link.profile_changed(profile_id)

    async def _hello(self, wire: Wire[CoreFrame, WorkerFrame | Unreadable]) -> LinkHello:
        try:
            async with asyncio.timeout(self._hello_timeout_s):
                batch = await wire.read()
        except TimeoutError:
            batch = None
        match batch.frames if batch is not None else []:
            case [LinkHello() as hello]:
                _check(hello)
                return hello
        raise TrunklineError(ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION, "A link begins with hello, and nothing else")

    async def _end_stream(self, hello: LinkHello) -> None:
        """End the stream that runs under this name; all that was read from it is handled when this returns."""
        while (old := self._streams.get(hello.worker_id)) is not None:
            if self._links[hello.worker_id].incarnation == hello.incarnation:
                old.wire.interrupt(TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "The worker is back"))
            else:
                old.wire.interrupt(
                    TrunklineError(
                        ErrorReason.ERROR_REASON_LINK_SUPERSEDED,
                        f"Another worker said hello as {hello.worker_id!r}: give each worker its own worker_id",
                    )
                )
            await old.over.wait()

    def _link(self, hello: LinkHello) -> WorkerLink:
        """The link of this incarnation: the one that is known, or a new one in place of the worker's former self."""
        forgetting = self._forgetting.pop(hello.worker_id, None)
        if forgetting is not None:
            forgetting.cancel()
        link = self._links.get(hello.worker_id)
        if link is None or link.incarnation != hello.incarnation:
            if link is not None:
                link.lost()
            link = self._links[hello.worker_id] = self._new_link(hello)
        return link

    def _forget_later(self, link: WorkerLink) -> None:
        loop = asyncio.get_running_loop()
        self._forgetting[link.worker_id] = loop.call_later(KEEP_NUMBERS_S, self._forget, link)

    def _forget(self, link: WorkerLink) -> None:
        link.lost()
        del self._forgetting[link.worker_id]
        del self._links[link.worker_id]


def _check(hello: LinkHello) -> None:
    if hello.version != VERSION:
        raise TrunklineError(
            ErrorReason.ERROR_REASON_NOT_SUPPORTED,
            f"This core speaks version {VERSION} of the link, the worker speaks {hello.version}",
        )
    if not hello.worker_id or len(hello.incarnation) != INCARNATION_BYTES:
        raise TrunklineError(
            ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION,
            f"A worker says hello with a worker_id and an incarnation of {INCARNATION_BYTES} bytes",
        )
