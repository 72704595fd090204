"""The devices that calls and sessions are about, behind a bounded cache, so that a hot call never reads the store."""

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, TypeVar

from trunkline.contract.streams.frames import Connect, Refused
from trunkline.core.devices.matching import shown_ids, verdict
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.store.devices import DeviceRows

MAX_ENTRIES: Final = 100_000

T = TypeVar("T")


class Directory:
    """Read-through cache of device entries. Whoever changes a device says so with `forget`.

    `now_s` is the wall clock in seconds.
    """

    def __init__(
        self, rows: DeviceRows, *, max_entries: int = MAX_ENTRIES, now_s: Callable[[], float] = time.time
    ) -> None:
        self._rows = rows
        self._now_s = now_s
        self._max_entries = max_entries
        self._entries: dict[bytes, DeviceEntry] = {}  # oldest first
        self.changes = 0
        """Grows with every change that somebody tells."""

    def cached(self, device_id: bytes) -> DeviceEntry | None:
        """The device if it is in the cache; None says only that `load` must be asked."""
        return self._entries.get(device_id)

    async def load(self, device_id: bytes) -> DeviceEntry | None:
        """The device, from the cache or the store; None if there is none. Raises STORE_UNAVAILABLE."""
        return (await self.load_many((device_id,))).get(device_id)

    async def load_many(self, device_ids: Collection[bytes]) -> dict[bytes, DeviceEntry]:
        """Those of the devices that exist, by id, with one query for what is not cached. Raises STORE_UNAVAILABLE."""
        found = {device_id: entry for device_id in device_ids if (entry := self._entries.get(device_id))}
        missing = [device_id for device_id in device_ids if device_id not in found]
        if missing:
            for entry in await self._read(lambda: self._rows.entries(missing)):
                found[entry.device_id] = entry
                self._remember(entry)
        return found

    async def authenticate(self, connects: Sequence[Connect]) -> list[DeviceEntry | Refused]:
        """Who each of these sessions is, in their order, with one query for all of them.

        Credentials that no device has are refused with BAD_CREDENTIALS. Raises STORE_UNAVAILABLE.
        """
        shown = {credentials_id for connect in connects for credentials_id in shown_ids(connect)}
        storable = {credentials_id for credentials_id in shown if credentials_id and "\x00" not in credentials_id}
        known = await self._read(lambda: self._rows.entries_by_credentials(storable))
        verdicts = [verdict(connect, known, self._now_s()) for connect in connects]
        for outcome in verdicts:
            if isinstance(outcome, DeviceEntry):
                self._remember(outcome)
        return verdicts

    def forget(self, device_id: bytes) -> None:
        """Read the device anew the next time: its row or its credentials changed."""
        self.changes += 1
        self._entries.pop(device_id, None)

    def forget_profile(self, profile_id: bytes) -> None:
        """Read its devices anew the next time: what they have of their profile changed."""
        self.changes += 1
        for device_id in [entry.device_id for entry in self._entries.values() if entry.profile_id == profile_id]:
            del self._entries[device_id]

    async def _read(self, query: Callable[[], Awaitable[T]]) -> T:
        """The query's result; read again if somebody changed a device meanwhile, since it may be the old state."""
        while True:
            changes = self.changes
            result = await query()
            if changes == self.changes:
                return result

    def _remember(self, entry: DeviceEntry) -> None:
        self._entries[entry.device_id] = entry
        if len(self._entries) > self._max_entries:
            del self._entries[next(iter(self._entries))]
