"""One watch of presence: first how things stand, page by page, then what changes, each device at most once at a time.

It remembers of each device only that it was told of, so that it can tell of its end, and of a change only which device
it is about: what is told is read when there is somebody to tell it to. So a slow reader costs no memory but for that.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from trunkline.contract.errors import TrunklineError
from trunkline.core.presence.model import Presence
from trunkline.core.presence.scope import Scope
from trunkline.core.presence.tracker import PresenceTracker
from trunkline.core.store.database import IN_LIMIT
from trunkline.core.store.presence import PresenceRows
from trunkline.v1.error_pb2 import ErrorReason

MAX_BEHIND: Final = 100_000
"""Devices that changed since a reader last took something."""


@dataclass(frozen=True, slots=True)
class PresenceUpdate:
    """What a watch tells at once."""

    devices: Mapping[bytes, Presence | None]
    """None: the device is gone, or may not be seen any more."""
    current: bool
    """All that was so at the beginning is told."""


class PresenceWatch:
    """Call `next` again and again, from one task."""

    def __init__(
        self,
        rows: PresenceRows,
        tracker: PresenceTracker,
        scope: Scope,
        wanted: frozenset[bytes],
        check_room: Callable[[], None],
        *,
        max_behind: int = MAX_BEHIND,
    ) -> None:
        """`wanted`: only these devices; empty: all within `scope`. `check_room` raises if too much is remembered."""
        self.scope = scope
        self._rows = rows
        self._tracker = tracker
        self._wanted = wanted
        self._check_room = check_room
        self._max_behind = max_behind
        self._told = set(wanted)
        """Devices that it has said are there, or has still to say of that they are not."""
        self._untold = sorted(wanted)
        self._last = b""
        self._begun = False
        self._current = False
        self._changed: dict[bytes, None] = {}  # oldest first
        self._problem: TrunklineError | None = None
        self._bell = asyncio.Event()

    @property
    def told(self) -> int:
        """Devices remembered."""
        return len(self._told)

    def changed(self, device_id: bytes) -> None:
        """Read this device again."""
        if self._wanted and device_id not in self._wanted:
            return
        if device_id in self._changed or len(self._changed) < self._max_behind:
            self._changed[device_id] = None
            self._bell.set()
        else:
            self.end(
                TrunklineError(
                    ErrorReason.ERROR_REASON_QUEUE_FULL,
                    f"More than {self._max_behind} devices changed and were not read of: watch again, and read faster",
                )
            )

    def end(self, problem: TrunklineError) -> None:
        """Let `next` raise this and tell nothing more."""
        self._problem = problem
        self._bell.set()

    async def next(self) -> PresenceUpdate:
        """What there is to tell next; waits for it. Raises QUEUE_FULL if too much is to be remembered,
        STORE_UNAVAILABLE, and what the watch was ended with."""
        while True:
            if self._problem is not None:
                raise self._problem
            if not self._current:
                return await self._standing()
            if not self._changed:
                self._bell.clear()
                await self._bell.wait()
                continue
            ids = list(islice(self._changed, IN_LIMIT))
            for device_id in ids:
                del self._changed[device_id]
            if update := await self._read(ids):
                return PresenceUpdate(update, current=True)

    async def _standing(self) -> PresenceUpdate:
        """The next page of how things stand."""
        if not self._begun:
            await self._tracker.settle()
            self._begun = True
            self._changed.clear()  # all of it is in the rows that are read now
        if self._wanted:
            ids, self._untold = self._untold[:IN_LIMIT], self._untold[IN_LIMIT:]
            page = await self._read(ids)
            self._current = not self._untold
        else:
            found = await self._rows.after(self.scope, self._last, self._tracker.active_since())
            self._told.update(found)
            self._check_room()
            self._last = next(reversed(found), b"")
            self._current = len(found) < IN_LIMIT
            page = dict(found)
        return PresenceUpdate(page, self._current)

    async def _read(self, device_ids: list[bytes]) -> dict[bytes, Presence | None]:
        """What is to be told of these devices."""
        found = await self._rows.find(self.scope, device_ids, self._tracker.active_since())
        update: dict[bytes, Presence | None] = {**found}
        for device_id in device_ids:
            if device_id not in found and device_id in self._told:
                self._told.discard(device_id)
                update[device_id] = None
        self._told.update(found)
        self._check_room()
        return update
