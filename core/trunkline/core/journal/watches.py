"""All who watch calls, and whom of them an event may concern."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from trunkline.contract.errors import TrunklineError
from trunkline.core.calls.model import Call
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.permissions import device_not_found
from trunkline.core.identity.principal import Principal
from trunkline.core.journal.cursor import Cursors
from trunkline.core.journal.ring import CallEvent, Ring
from trunkline.core.journal.watch import CallFilter, CallWatch, Methods
from trunkline.core.presence.scope import Scope, scope_of
from trunkline.v1.error_pb2 import ErrorReason

IDLE_S: Final = 15.0
"""After so long without an event a watch is told a fresh cursor."""


class CallWatches:
    """Everybody's watches of calls."""

    def __init__(
        self,
        ring: Ring,
        *,
        start_number: int,
        living_calls: Callable[[], Sequence[Call]],
        directory: Directory,
        methods: Methods,
        max_watches: int,
        now_ns: Callable[[], int] = time.time_ns,
        idle_s: float = IDLE_S,
    ) -> None:
        self._ring = ring
        self._cursors = Cursors(start_number)
        self._living_calls = living_calls
        self._directory = directory
        self._methods = methods
        self._max_watches = max_watches
        self._now_ns = now_ns
        self._idle_s = idle_s
        self._count = 0
        self._of_devices: defaultdict[bytes, set[CallWatch]] = defaultdict(set)
        """Watches of one device each."""
        self._of_tenants: defaultdict[bytes, set[CallWatch]] = defaultdict(set)
        """All others."""

    def __len__(self) -> int:
        return self._count

    async def check(self, principal: Principal, only: CallFilter) -> Scope:
        """What `principal` may watch.

        Raises PERMISSION_DENIED for whoever has no devices, DEVICE_NOT_FOUND for a device that it may not see.
        """
        scope = scope_of(principal)
        if only.device_id:
            device = await self._directory.load(only.device_id)
            if (
                device is None
                or device.tenant_id != scope.tenant_id
                or (scope.customer_id and device.customer_id != scope.customer_id)
            ):
                raise device_not_found(only.device_id)
        return scope

    @contextmanager
    def watch(self, scope: Scope, only: CallFilter, cursor: str, *, snapshot: bool) -> Iterator[CallWatch]:
        """A watch, behind a cursor or from now on. Raises QUEUE_FULL if there are too many."""
        if self._count >= self._max_watches:
            raise TrunklineError(ErrorReason.ERROR_REASON_QUEUE_FULL, f"{self._max_watches} others watch calls already")
        watch = CallWatch(
            ring=self._ring,
            cursors=self._cursors,
            living_calls=self._living_calls,
            directory=self._directory,
            methods=self._methods,
            scope=scope,
            only=only,
            cursor=cursor,
            snapshot=snapshot,
            now_ns=self._now_ns,
            idle_s=self._idle_s,
        )
        watches, key = (self._of_devices, only.device_id) if only.device_id else (self._of_tenants, scope.tenant_id)
        watches[key].add(watch)
        self._count += 1
        self._ring.listener = self._happened
        try:
            yield watch
        finally:
            watches[key].discard(watch)
            if not watches[key]:
                del watches[key]
            self._count -= 1
            if not self._count:
                self._ring.listener = None

    def drain(self) -> None:
        """The core is about to end, and with it every watch."""
        problem = TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "The core is shutting down")
        for watches in (*self._of_devices.values(), *self._of_tenants.values()):
            for watch in watches:
                watch.end(problem)

    def _happened(self, number: int, event: CallEvent) -> None:
        for watch in self._of_devices.get(event.device_id, ()):
            watch.happened(number)
        for watch in self._of_tenants.get(event.tenant_id, ()):
            watch.happened(number)
