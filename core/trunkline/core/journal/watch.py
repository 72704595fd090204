"""One watch of calls: a place in the ring of events, from which its reader is told what it may see and asked for.

A watch remembers nothing but its place, so a slow reader costs no memory. Whoever falls behind what the ring keeps is
told so, and gets a snapshot instead: what stands. Every event says how its call stands, so hearing of one twice does no
harm.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec import structs

from trunkline.contract.errors import TrunklineError
from trunkline.core.calls.model import Call
from trunkline.core.calls.row_states import living_state
from trunkline.core.devices.directory import Directory
from trunkline.core.journal.cursor import SNAPSHOT, Cursors
from trunkline.core.journal.ring import CallEvent, Ring
from trunkline.core.presence.scope import Scope
from trunkline.core.store.call_rows import CallKey
from trunkline.v1.call_pb2 import CallState

MAX_TOLD: Final = 128
"""Events that are told at once: about a millisecond's work."""

MAX_LOOKED_AT: Final = 2_000
"""Events looked at in one turn of the loop."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls a watch is about; what is empty does not ask."""

    device_id: bytes = b""
    states: frozenset[CallState.ValueType] = frozenset()
    methods: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CallUpdate:
    """What a watch tells at once. `cursor` stands behind it."""

    cursor: str
    events: Sequence[CallEvent] = ()
    expired: bool = False
    """The place was lost; a snapshot follows."""
    snapshot_end: bool = False
    """All that stood is told; changes follow."""


class Methods(Protocol):
    """Reads the methods of stored calls that are not in memory."""

    async def methods(self, keys: Collection[CallKey]) -> Mapping[CallKey, str]:
        """Of those that are there. Raises STORE_UNAVAILABLE."""
        ...


class CallWatch:
    """Call `next` again and again, from one task."""

    def __init__(
        self,
        *,
        ring: Ring,
        cursors: Cursors,
        living_calls: Callable[[], Sequence[Call]],
        directory: Directory,
        methods: Methods,
        scope: Scope,
        only: CallFilter,
        cursor: str,
        snapshot: bool,
        now_ns: Callable[[], int],
        idle_s: float,
    ) -> None:
        """`cursor`: as in an update of an earlier watch; empty: from now on. `snapshot`: what stands comes first,
        unless the cursor is good. A cursor is told alone at the beginning, and after `idle_s` without an event, so that
        none grows too old."""
        self.scope = scope
        self.only = only
        self._ring = ring
        self._cursors = cursors
        self._living_calls = living_calls
        self._directory = directory
        self._methods = methods
        self._now_ns = now_ns
        self._idle_s = idle_s
        self._standing: list[Call] | None = None
        """What is left to tell of a snapshot, the last first."""
        self._place = ring.end
        self._expired = False
        if cursor:
            number = cursors.number(cursor)
            self._expired = number is None or number > ring.end
            self._place = number if number is not None and not self._expired else ring.end
        elif snapshot:
            self._begin_snapshot()
        self._idle = False
        """It has looked at all events; the next that may concern it is said by `happened`."""
        self._told = -1
        """Its last cursor's place."""
        self._problem: TrunklineError | None = None
        self._bell = asyncio.Event()

    def happened(self, number: int) -> None:
        """An event came that may concern it."""
        if self._idle:
            self._idle = False
            self._place = number
            self._bell.set()

    def end(self, problem: TrunklineError) -> None:
        """Let `next` raise this and tell nothing more."""
        self._problem = problem
        self._bell.set()

    async def next(self) -> CallUpdate:
        """What there is to tell next; waits for it. Raises STORE_UNAVAILABLE, and what the watch was ended with."""
        while True:
            if self._problem is not None:
                raise self._problem
            if self._standing is not None:
                update = await self._snapshot(self._standing)
            elif self._expired or self._place < self._ring.begin:
                self._expired = False
                self._begin_snapshot()
                update = CallUpdate(SNAPSHOT, expired=True)
            else:
                update = self._update() if self._told < 0 else await self._changes()
            if update is not None:
                return update

    def _begin_snapshot(self) -> None:
        self._place = self._ring.end
        calls = [call for call in self._living_calls() if call.tenant_id == self.scope.tenant_id]
        calls.reverse()
        self._standing = calls

    async def _snapshot(self, standing: list[Call]) -> CallUpdate | None:
        """The next part of what stands; calls that ended meanwhile are left to the changes that follow."""
        if not standing:
            self._standing = None
            return self._update(snapshot_end=True)
        now = self._now_ns()
        events = []
        for _ in range(min(MAX_TOLD, len(standing))):
            call = standing.pop()
            event = _standing(call, now)
            if event is not None and self._asked_for(event):
                events.append(event)
        events = await self._visible(events)
        await asyncio.sleep(0)
        return CallUpdate(SNAPSHOT, events) if events else None

    async def _changes(self) -> CallUpdate | None:
        """The next events; None: there are none among those looked at, or time passed."""
        ring = self._ring
        begin = self._place
        end = min(ring.end, begin + MAX_LOOKED_AT)
        if begin == end:
            return await self._wait()
        found: list[CallEvent] = []
        number = begin
        for number in range(begin, end):
            event = ring[number]
            if self._asked_for(event):
                found.append(event)
                if len(found) == MAX_TOLD:
                    break
        events = await self._visible(found)
        self._place = number + 1
        if not events:
            await asyncio.sleep(0)
            return None
        return self._update(events)

    async def _wait(self) -> CallUpdate | None:
        """Wait for an event that may concern it; for long enough, and its cursor alone is told."""
        self._idle = True
        self._bell.clear()
        try:
            async with asyncio.timeout(self._idle_s):
                await self._bell.wait()
        except TimeoutError:
            if not self._idle:  # it came at the same time
                return None
            self._idle = False
            self._place = self._ring.end
            if self._place > self._told:
                return self._update()
        return None

    def _update(self, events: Sequence[CallEvent] = (), *, snapshot_end: bool = False) -> CallUpdate:
        self._told = self._place
        return CallUpdate(self._cursors.text(self._place), events, snapshot_end=snapshot_end)

    def _asked_for(self, event: CallEvent) -> bool:
        """Whether it is asked for, as far as the event says. A method that is not in memory is asked for later."""
        only = self.only
        return (
            event.tenant_id == self.scope.tenant_id
            and (not only.device_id or event.device_id == only.device_id)
            and (not only.states or event.state in only.states)
            and (not only.methods or not event.method or event.method in only.methods)
        )

    async def _visible(self, events: list[CallEvent]) -> list[CallEvent]:
        """Those of devices that may be seen, with their methods, of which some may not be asked for."""
        customer_id = self.scope.customer_id
        if customer_id and events:
            devices = await self._directory.load_many({event.device_id for event in events})
            events = [
                event
                for event in events
                if (entry := devices.get(event.device_id)) is not None and entry.customer_id == customer_id
            ]
        unnamed = {(event.tenant_id, event.call_id) for event in events if not event.method}
        if unnamed:
            methods = await self._methods.methods(unnamed)
            events = [_named(event, methods) for event in events]
            if self.only.methods:
                events = [event for event in events if event.method in self.only.methods]
        return events


def _standing(call: Call, now_ns: int) -> CallEvent | None:
    """How a living call stands; None if nobody may know of it yet, or it has ended and an event says so."""
    keeping = call.keeping
    if keeping is not None and not keeping.committed:
        return None
    return CallEvent(
        now_ns,
        call.tenant_id,
        call.device_id,
        call.call_id,
        call.method,
        call.kind,
        keeping is not None,
        living_state(call),
    )


def _named(event: CallEvent, methods: Mapping[CallKey, str]) -> CallEvent:
    if event.method:
        return event
    return structs.replace(event, method=methods.get((event.tenant_id, event.call_id), ""))
