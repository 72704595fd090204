"""All who watch presence, and whom of them a change concerns. What is told is read from the rows, once they say so."""

import asyncio
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.core.devices.directory import Directory
from trunkline.core.identity.principal import Principal
from trunkline.core.presence.scope import scope_of
from trunkline.core.presence.tracker import PresenceTracker
from trunkline.core.presence.watch import PresenceWatch
from trunkline.core.store.presence import PresenceRows
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

LOOK_S: Final = 1.0
"""How often devices are looked for that have become inactive."""


class PresenceWatches:
    """Everybody's watches. Whoever changes who may see a device says so with `changed`, as does the tracker."""

    def __init__(
        self,
        rows: PresenceRows,
        tracker: PresenceTracker,
        directory: Directory,
        *,
        max_watches: int,
        max_watched_devices: int,
        look_s: float = LOOK_S,
    ) -> None:
        self._rows = rows
        self._tracker = tracker
        self._directory = directory
        self._max_watches = max_watches
        self._max_watched_devices = max_watched_devices
        self._look_s = look_s
        self._watches: set[PresenceWatch] = set()
        self._watched = asyncio.Event()
        self._silent_until_unix_ms = 0
        """Who was last heard of until then is known to be inactive."""
        tracker.on_changed(self.changed)

    def __len__(self) -> int:
        return len(self._watches)

    @contextmanager
    def watch(self, principal: Principal, device_ids: Collection[bytes] = ()) -> Iterator[PresenceWatch]:
        """A watch of these devices, or of all that `principal` may see.

        Raises PERMISSION_DENIED for whoever has no devices, QUEUE_FULL if there are too many watches.
        """
        scope = scope_of(principal)
        if len(self._watches) >= self._max_watches:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_QUEUE_FULL, f"{self._max_watches} others watch presence already"
            )
        if not self._watches:
            self._silent_until_unix_ms = self._tracker.active_since()
        watch = PresenceWatch(self._rows, self._tracker, scope, frozenset(device_ids), self._check_room)
        self._watches.add(watch)
        self._watched.set()
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            if not self._watches:
                self._watched.clear()

    def changed(self, device_ids: Iterable[bytes]) -> None:
        """Something about these devices is different, or who may see them."""
        if not self._watches:
            return
        for device_id in device_ids:
            entry = self._directory.cached(device_id)
            for watch in self._watches:
                if entry is None or watch.scope.tenant_id == entry.tenant_id:
                    watch.changed(device_id)

    def drain(self) -> None:
        """The core is about to end, and with it every watch."""
        for watch in self._watches:
            watch.end(TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "The core is shutting down"))

    async def run(self) -> None:
        """Notice who becomes inactive, until cancelled."""
        while True:
            await self._watched.wait()
            await asyncio.sleep(self._look_s)
            try:
                await self._look()
            except TrunklineError as error:
                log.debug("inactive_devices_not_read", problem=error.message)  # at the next look

    async def _look(self) -> None:
        until = self._tracker.active_since()
        if await self._rows.silent(self._silent_until_unix_ms, until):
            await self._tracker.settle()  # some may have been heard of since
            self.changed(await self._rows.silent(self._silent_until_unix_ms, until))
        self._silent_until_unix_ms = until

    def _check_room(self) -> None:
        """Raise QUEUE_FULL if the watches remember more devices than they may."""
        if sum(watch.told for watch in self._watches) > self._max_watched_devices:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_QUEUE_FULL,
                f"All watches together are about more than {self._max_watched_devices} devices: name those you need",
            )
