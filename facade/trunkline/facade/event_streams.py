"""Server-sent events: an answer that goes on until its caller leaves, its token ends or the process does.

Each event says under which `id` a stream that breaks off can be resumed: the browser's `EventSource` does so by itself,
everybody else sends the last one as `Last-Event-ID`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Final, Self

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from trunkline.contract.errors import TrunklineError
from trunkline.facade import errors
from trunkline.facade.errors import error_body
from trunkline.facade.metrics import Counters
from trunkline.facade.request_body import CallerGone
from trunkline.facade.settings import FacadeSettings
from trunkline.facade.waiting import hung_up
from trunkline.v1.error_pb2 import ErrorReason

HEARTBEAT: Final = b":\n\n"
"""A comment, which readers drop: it keeps proxies from closing a quiet stream."""

HEAD_ALONE: Final = "trunkline.head_alone"
"""In the scope of a request that asked for an answer's head (HEAD) and is answered as the rest would be."""

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back until it has some kilobytes
]


class EventStreams:
    """All event streams of this process."""

    def __init__(self, settings: FacadeSettings, counters: Counters) -> None:
        self.heartbeat_s = settings.event_heartbeat_s
        self.over = asyncio.Event()
        """They all end, and there will be no more."""
        self._most = settings.max_event_streams
        self._counters = counters

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """While one is open. Raises TrunklineError: QUEUE_FULL, CORE_UNAVAILABLE when they are over."""
        if self.over.is_set():
            raise _stopping()
        if self._counters.event_streams >= self._most:
            raise TrunklineError(ErrorReason.ERROR_REASON_QUEUE_FULL, f"There are {self._most} event streams already")
        self._counters.event_streams += 1
        try:
            yield
        finally:
            self._counters.event_streams -= 1


def event(name: str, data: str, event_id: str = "") -> bytes:
    """One event on the wire; `data` is one line. Without an id it belongs to the next that has one."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {data}\n\n".encode()


class EventAnswer(Response):
    """The answer that tells `events`: texts of one or more events on the wire.

    Until the first one comes, a TrunklineError is answered as everywhere. From then on it is an event `end` with the
    standard error body, and the last one. The end of the token at `expires_s` (Unix seconds) is told like that, too.
    """

    def __init__(self, streams: EventStreams, events: AsyncGenerator[bytes, None], expires_s: int) -> None:
        super().__init__()
        self._streams = streams
        self._events = events
        self._expires_s = expires_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with suppress(CallerGone):
            try:
                with self._streams.one_more():
                    await self._tell(receive, send, whole=HEAD_ALONE not in scope)
            except TrunklineError as error:
                await errors.respond(error)(scope, receive, send)
            finally:
                await self._events.aclose()

    async def _tell(self, receive: Receive, send: Send, *, whole: bool) -> None:
        async with _Listening(self._events, receive, self._streams.over, self._expires_s) as listening:
            text = await listening.next(None)
            await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": [*_HEADERS]})
            more = whole
            while more:
                await send({"type": "http.response.body", "body": text, "more_body": True})
                try:
                    text = await listening.next(self._streams.heartbeat_s)
                except TrunklineError as error:
                    more = False
                    row = error.row
                    text = event("end", error_body(row.http, error.message, row.thingsboard_code).decode())
            await send({"type": "http.response.body", "body": text})


class _Listening:
    """Whatever comes first: an event, silence, the caller's leaving, or an end."""

    def __init__(
        self, events: AsyncGenerator[bytes, None], receive: Receive, over: asyncio.Event, expires_s: int
    ) -> None:
        self._events = events
        self._expires_s = expires_s
        self._leaving = asyncio.create_task(hung_up(receive), name="hang-up watch")
        self._ending = asyncio.create_task(over.wait(), name="watch of the streams' end")
        self._coming: asyncio.Task[bytes] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [task for task in (self._leaving, self._ending, self._coming) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def next(self, heartbeat_s: float | None) -> bytes:
        """The next text to send. Raises CallerGone, and the TrunklineError by which the stream ends."""
        left_s = self._expires_s - time.time()
        patience_s = left_s if heartbeat_s is None else min(left_s, heartbeat_s)
        if self._coming is None:
            self._coming = asyncio.create_task(anext(self._events), name="next events")
        awaited = (self._coming, self._leaving, self._ending)
        await asyncio.wait(awaited, timeout=max(0, patience_s), return_when=asyncio.FIRST_COMPLETED)
        if self._leaving.done():
            raise CallerGone
        if self._ending.done():
            raise _stopping()
        if self._expires_s <= time.time():
            raise TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired")
        if not self._coming.done():
            return HEARTBEAT
        coming, self._coming = self._coming, None
        return coming.result()


def _stopping() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "The service is about to stop; try again")
