"""What everybody outside of the server saw during a run: callers, devices, and who killed what. All times are Unix
seconds of one machine's clock."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Row = Mapping[str, Any]
"""A stored call as REST tells it."""

NEVER: Final = float("inf")
LOOK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for; the device finds in the params what it should do."""

    number: int
    device: int
    two_way: bool
    stored: bool
    strategy: str
    redelivery: str
    """`unanswered`, `undelivered` or `never`."""
    retries: int
    expires_at: float
    unacked: int
    """So many times the device gets the call without acknowledging it."""
    reply_s: float | None
    """How long the device takes to answer; None: it never does."""
    keyed: bool
    """Asked again under the same id until the answer is clear."""
    cancel_after_s: float | None = None


@dataclass(slots=True)
class Write:
    """A device got a call."""

    at: float
    connection: int
    request_id: int
    acked_at: float = NEVER
    """When the device sent the acknowledgement; at QoS 0 there is none to send."""
    remaining_ms: int | None = None
    """What the worker said was left."""
    earliest: float = 0.0
    """When it can have come at the earliest: a device that had no time to look found it waiting. 0: `at`."""

    def __post_init__(self) -> None:
        self.earliest = self.earliest or self.at


@dataclass(slots=True)
class Connection:
    """One of a device's connections; it subscribes once in each."""

    number: int
    ended_at: float = NEVER


@dataclass(slots=True)
class Reply:
    """A device answered a call."""

    at: float
    connection: int
    body: str
    confirmed_at: float = NEVER
    """When the server confirmed that it has it: QoS 1 only."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller was told of a stored call."""

    at: float
    status: str
    response: str
    """JSON."""


@dataclass(slots=True)
class Entry:
    """All that is known of one call."""

    wish: Wish
    asked: list[float] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """Status and cause of each answer, or the error instead of one."""
    call_id: str = ""
    accepted_at: float = NEVER
    response: str | None = None
    """Of a lightweight call that succeeded."""
    writes: list[Write] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    final: Standing | None = None
    """The first final state that anybody was told."""
    cancelled: str = ""
    """What a cancellation said it did."""

    def __str__(self) -> str:
        wish = self.wish
        kind = f"{'stored' if wish.stored else 'lightweight'} {'two-way' if wish.two_way else 'one-way'}"
        return f"call {wish.number} {self.call_id} ({kind} {wish.strategy} {wish.redelivery}, device {wish.device})"


@dataclass(frozen=True, slots=True)
class Down:
    """A part was killed, and when it was ready again."""

    part: str
    """`core`, `mqtt`, `facade` or `postgres`."""
    at: float
    back_at: float


class Ledger:
    """Everything of one run."""

    def __init__(self) -> None:
        self.calls: list[Entry] = []
        self.kills: list[tuple[float, str]] = []
        """Every SIGKILL and the part that got it."""
        self.downs: list[Down] = []
        """From a kill to the part's return; kills in between are part of it."""
        self.faults: list[str] = []
        """What must not happen and was seen at once."""
        self.qos: dict[int, int] = {}
        """Of each device."""
        self.unread: Counter[str] = Counter()
        """Reads that failed while something was down."""
        self.looked_at = time.time()
        """When devices last had time to look at their sockets."""
        self.quiet_at = NEVER
        """When all parts were up and nobody was going to kill them any more."""
        self._down_since: dict[str, float] = {}
        self.connections: list[Connection] = [Connection(0)]

    def new_call(self, wish: Wish) -> Entry:
        """`wish.number` must be the number of calls so far."""
        assert wish.number == len(self.calls)
        entry = Entry(wish)
        self.calls.append(entry)
        return entry

    def new_connection(self) -> Connection:
        """A device connected and is about to subscribe."""
        connection = Connection(len(self.connections))
        self.connections.append(connection)
        return connection

    async def look(self) -> None:
        """Keep `looked_at`, on the devices' event loop; until cancelled. After a pause of the loop it still says when
        that began, until what came meanwhile has been read."""
        before = self.looked_at
        while True:
            self.looked_at, before = before, time.time()
            await asyncio.sleep(LOOK_S)

    def is_down(self, part: str) -> None:
        """The part was killed, or ended by itself."""
        self.looked_at = time.time()
        """When devices last had time to look at their sockets."""
        self.quiet_at = NEVER
        """When all parts were up and nobody was going to kill them any more."""
        self._down_since.setdefault(part, time.time())

    def is_back(self, part: str) -> None:
        """The part is ready."""
        if part in self._down_since:
            self.downs.append(Down(part, self._down_since.pop(part), time.time()))

    def down(self, part: str, since: float, until: float) -> Iterator[Down]:
        """The times in which this part was down, as far as they touch that time."""
        return (down for down in self.downs if down.part == part and down.at <= until and since <= down.back_at)
