"""How many HTTP connections there may be, what each may send, and until when it may keep the server waiting.

A connection waits in at most one line: for the head of a request, for its body, for the next request, or for the other
side to read our last words. All in a line wait equally long, so a line is in the order of its deadlines, and one sweep
that looks at the front of each line stands in for a timer per request.
"""

from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from trunkline.contract.clock import Clock, monotonic_ms
from trunkline.facade.metrics import Counters

LINGER_MS: Final = 1_000
"""A connection that was refused is read, and what it says dropped, for so long: closed at once, the system would throw
away our answer if more was still coming in."""

SPARE_CONNECTIONS: Final = 1_000
"""So many connections over the limit are told so; any further one is only closed."""

BODY_FRAMING: Final = 8
"""A body of the largest size may take this many times its bytes on the wire, sent in chunks of a byte or so."""

STANDSTILL_MS: Final = 1_000
"""A sweep that is so late was held up with the whole process: what its connections sent meanwhile is read first."""


class Limits(NamedTuple):
    """What connections may do."""

    connections: int
    head_bytes: int
    body_bytes: int
    head_timeout_ms: int
    body_timeout_ms: int
    keep_alive_ms: int


class Refusal(NamedTuple):
    """Why a connection is ended, as counted, and what it is told."""

    what: str
    status: HTTPStatus
    message: str


class Connection(Protocol):
    """What stands in a line."""

    def overdue(self, line: "Line") -> None:
        """It has waited out its time; it is in no line any more."""


class Line:
    """Connections that wait for the same thing, in the order of their deadlines."""

    def __init__(self, patience_ms: int) -> None:
        self.patience_ms = patience_ms
        self.due_ms: dict[Connection, int] = {}


class ConnectionBounds:
    """The bounds of one server's connections, and the lines they wait in."""

    def __init__(self, limits: Limits, counters: Counters, clock: Clock = monotonic_ms) -> None:
        self.limits = limits
        self.counters = counters
        self.heads = Line(limits.head_timeout_ms)
        self.bodies = Line(limits.body_timeout_ms)
        self.idle = Line(limits.keep_alive_ms)
        self.lingering = Line(LINGER_MS)
        self.most_body_bytes = BODY_FRAMING * limits.body_bytes + limits.head_bytes
        """Whoever has sent more than this after its head cannot be sending a body of an allowed size."""
        self.malformed = Refusal("malformed", HTTPStatus.BAD_REQUEST, "Invalid HTTP request received")
        self.too_many = Refusal("connections", HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections; try again later")
        self.late_head = Refusal("head_timeout", HTTPStatus.REQUEST_TIMEOUT, "The request's head did not come in time")
        self.late_body = Refusal("body_timeout", HTTPStatus.REQUEST_TIMEOUT, "The request's body did not come in time")
        self.large_head = Refusal(
            "head_too_large",
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"Request head exceeds the limit of {limits.head_bytes} bytes",
        )
        self.large_body = Refusal(
            "body_too_large",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"Payload size exceeds the limit of {limits.body_bytes} bytes",
        )
        self._clock = clock
        self._now = clock()
        """As of the last sweep: exact enough for patience that is counted in seconds, and costs nothing."""

    def enter(self, line: Line, connection: Connection) -> None:
        """Go to the end of a line; it must stand in none."""
        line.due_ms[connection] = self._now + line.patience_ms

    def sweep(self) -> None:
        """Tell every connection whose time is over. To be called several times a second."""
        now = self._clock()
        late = now - self._now > STANDSTILL_MS
        self._now = now
        if late:
            return
        for line in (self.heads, self.bodies, self.idle, self.lingering):
            due_ms = line.due_ms
            over = []
            for connection, due in due_ms.items():
                if due > now:
                    break
                over.append(connection)
            for connection in over:
                del due_ms[connection]
                connection.overdue(line)
