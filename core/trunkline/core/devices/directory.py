"""The devices that calls and sessions are about, behind a bounded cache, so that a hot call never reads the store."""

import hmac
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, TypeVar

from trunkline.contract.streams.frames import Connect, Refused
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.store.devices import DeviceRows
from trunkline.v1.error_pb2 import ErrorReason

MAX_ENTRIES: Final = 100_000

T = TypeVar("T")


class Directory:
    """Read-through cache of device entries. Whoever changes a device says so with `forget`."""

    def __init__(self, rows: DeviceRows, *, max_entries: int = MAX_ENTRIES) -> None:
        self._rows = rows
        self._max_entries = max_entries
        self._entries: dict[bytes, DeviceEntry] = {}  # oldest first
        self._changes = 0

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
        shown = [_shown_token(connect) for connect in connects]
        known = await self._read(lambda: self._rows.entries_by_token({token for token in shown if token}))
        for _, entry in known.values():
            self._remember(entry)
        return [_verdict(connect, token, known.get(token)) for connect, token in zip(connects, shown, strict=True)]

    def forget(self, device_id: bytes) -> None:
        """Read the device anew the next time: its row or its credentials changed."""
        self._changes += 1
        self._entries.pop(device_id, None)

    async def _read(self, query: Callable[[], Awaitable[T]]) -> T:
        """The query's result; read again if somebody changed a device meanwhile, since it may be the old state."""
        while True:
            changes = self._changes
            result = await query()
            if changes == self._changes:
                return result

    def _remember(self, entry: DeviceEntry) -> None:
        self._entries[entry.device_id] = entry
        if len(self._entries) > self._max_entries:
            del self._entries[next(iter(self._entries))]


def _shown_token(connect: Connect) -> str:
    """The access token among the credentials; empty if there is none.

    An MQTT user name is one: that is how devices with a token connect, whatever password they send.
    """
    if connect.access_token is not None:
        return connect.access_token
    return connect.mqtt_basic.user_name if connect.mqtt_basic is not None else ""


def _verdict(connect: Connect, shown: str, known: tuple[str, DeviceEntry] | None) -> DeviceEntry | Refused:
    if connect.child is not None:
        return Refused(connect.session, ErrorReason.ERROR_REASON_NOT_SUPPORTED, "Devices of a gateway are not served")
    # The index found the token; this comparison takes the same time wherever two tokens differ.
    if known is None or not hmac.compare_digest(known[0].encode(), shown.encode()):
        return Refused(connect.session, ErrorReason.ERROR_REASON_BAD_CREDENTIALS, "Unknown device credentials")
    return known[1]
