"""uvicorn's HTTP protocol, bounded in what a connection may send and when, and with a whole answer in one write.

Bounds: `connection_bounds.py` has the limits and the lines in which connections wait; here is which line a connection
stands in. A request that comes as a whole, as nearly all do, only leaves the line of the idle and comes back to it,
which costs less than the timer it stands in for. A connection that breaks a bound is answered and closed; where an
answer would be taken for that of an earlier request, those are answered and then it is closed without a word.

The shortcut: through ASGI an answer is two messages, so two system calls, and uvicorn looks at each header with two
regular expressions. An application that does nothing but answer takes 40 µs of CPU for a request that way and 23 µs
with one write. Whoever wraps `send` to change answers must take the extension out of the scope: without it everything
goes through `send`.
"""

import asyncio
from typing import Any, Final

import httptools
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from trunkline.facade.connection_bounds import SPARE_CONNECTIONS, ConnectionBounds, Line, Refusal
from trunkline.facade.errors import status_body
from trunkline.facade.headers import SECURITY_HEADERS
from trunkline.facade.rpc_answer import Answer, answer_json

EXTENSION: Final = "trunkline.whole_answer"

_CLOSE: Final = b"connection: close\r\n\r\n"


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_SECURITY_LINES: Final = _lines(list(SECURITY_HEADERS))


class _HeadTooLarge(Exception):
    """Stops the parser."""


class HttpProtocol(HttpToolsProtocol):
    """One connection, within its bounds."""

    parser: httptools.HttpRequestParser  # until the connection is lost, and nothing comes in afterwards

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        bounds: ConnectionBounds,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._bounds = bounds
        self._line: Line | None = None
        """Where it waits; None while it waits for us."""
        self._awaited: object = None
        """The scope of the request that is on its way in: each has the time for itself."""
        self._fed = 0
        """Bytes since the present head or body began, or fewer where one began in the middle of what was read."""
        self._whole = False
        """The body of the request whose head came last is complete."""
        self._deaf = False
        """It was refused: what still comes in is dropped."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        over = len(self.connections) - self._bounds.limits.connections
        if over <= 0:
            self._wait_in(self._bounds.heads)
        elif over <= SPARE_CONNECTIONS:
            self._refuse(self._bounds.too_many)
        else:
            self._bounds.counters.rejected(self._bounds.too_many.what)
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_in(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        bounds = self._bounds
        if self._deaf:
            return
        self._fed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.parser.get_method() == b"CONNECT":
                self._refuse(bounds.malformed)
            else:
                self.data_received(self._head_without_upgrade() + data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._refuse(bounds.large_head if isinstance(error.__context__, _HeadTooLarge) else bounds.malformed)
            return
        scope, cycle = self.scope, self.cycle
        if scope is None or (self._whole and cycle.scope is scope):
            if self._line is not None and cycle is not None:
                self._wait_in(bounds.idle if cycle.response_complete else None)
            return
        line = bounds.heads if cycle is None or cycle.scope is not scope else bounds.bodies
        if self._line is not line or self._awaited is not scope:
            self._awaited = scope
            self._wait_in(line)
        if line is bounds.heads and self._fed > bounds.limits.head_bytes:
            self._refuse(bounds.large_head)
        elif line is bounds.bodies and self._fed > bounds.most_body_bytes:
            self._refuse(bounds.large_body)

    def on_headers_complete(self) -> None:
        if self._fed > self._bounds.limits.head_bytes and self._head_bytes() > self._bounds.limits.head_bytes:
            raise _HeadTooLarge
        self._fed = 0
        if self.parser.should_upgrade():
            return  # the parser takes the body for another protocol's: it gets the request once more
        self._whole = False
        super().on_headers_complete()
        self.headers = []  # what comes behind a chunked body is no part of the head that was looked at
        self.scope["extensions"] = {EXTENSION: {"cycle": self.cycle}}  # the application runs in the loop's next turn

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._fed = 0
        self._whole = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._line is None:
            self._wait_in(self._bounds.idle)

    def shutdown(self) -> None:
        if self._line is self._bounds.lingering:
            self.transport.close()
        else:
            super().shutdown()

    def overdue(self, line: Line) -> None:
        """The sweep found it waiting for too long."""
        self._line = None
        bounds = self._bounds
        if line is bounds.heads and self.scope is not None:
            self._refuse_unless_paused(line, bounds.late_head)
        elif line is bounds.bodies:
            self._refuse_unless_paused(line, bounds.late_body)
        elif line is bounds.lingering:
            self.transport.abort()
        else:  # it never said anything, or nothing more
            self.transport.close()

    def _wait_in(self, line: Line | None) -> None:
        if self._line is not None:
            del self._line.due_ms[self]
        self._line = line
        if line is not None:
            self._bounds.enter(line, self)

    def _head_bytes(self) -> int:
        return len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])

    def _head_without_upgrade(self) -> bytes:
        """The head as a client sends it that offers no other protocol, as Java's does by default with every request."""
        version = self.parser.get_http_version().encode()
        first = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)
        return first + _lines([header for header in self.headers if header[0] != b"upgrade"]) + b"\r\n"

    def _refuse_unless_paused(self, line: Line, refusal: Refusal) -> None:
        """Refuse, unless it is us who did not read on."""
        if self.flow.read_paused:
            self._wait_in(line)
        else:
            self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        self._bounds.counters.rejected(refusal.what)
        self._wait_in(None)
        self._deaf = True
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if cycle is None or (cycle.response_complete and cycle.scope is not self.scope):
            self._tell(refusal)
        elif cycle.scope is not self.scope:
            cycle.keep_alive = False  # earlier requests get their answers, the last one's ends the connection
        elif cycle.response_started or self.pipeline:
            self.transport.close()
        else:
            cycle.disconnected = True  # what the application still says is said to nobody
            cycle.message_event.set()
            self._tell(refusal)

    def _tell(self, refusal: Refusal) -> None:
        answer = answer_json(refusal.status, status_body(refusal.status, refusal.message))
        self.transport.write(_in_one(answer, self.server_state.default_headers, _CLOSE))
        self.transport.write_eof()
        self.flow.resume_reading()
        self._wait_in(self._bounds.lingering)


def _in_one(answer: Answer, default_headers: list[tuple[bytes, bytes]], end: bytes) -> bytes:
    return b"".join(
        [
            STATUS_LINE[answer.status],
            _lines(default_headers),
            _lines(answer.headers),
            _SECURITY_LINES,
            end,
            answer.body,
        ]
    )


def answer_at_once(scope: Scope, answer: Answer) -> bool:
    """Write the whole answer, security headers included; False if it must go through `send`.

    The answer's headers must be its maker's own, with nothing of the request in them: they are not looked at.
    """
    extension = scope.get("extensions", {}).get(EXTENSION)
    if extension is None or scope["method"] == "HEAD":
        return False
    cycle: RequestResponseCycle = extension["cycle"]
    if cycle.flow.write_paused:
        return False
    if cycle.disconnected:
        return True
    del extension["cycle"]  # it refers back to the scope: garbage that only a collection would find
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(_in_one(answer, cycle.default_headers, b"\r\n" if cycle.keep_alive else _CLOSE))
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
