"""Everything the core keeps on disk."""

from typing import Final

from trunkline.core.clock import unix_ms
from trunkline.core.store.calls import CallRows
from trunkline.core.store.customers import CustomerRows
from trunkline.core.store.database import Database
from trunkline.core.store.devices import DeviceRows
from trunkline.core.store.presence import PresenceRows
from trunkline.core.store.profiles import ProfileRows
from trunkline.core.store.revocations import RevocationRows
from trunkline.core.store.starts import Starts
from trunkline.core.store.tenants import TenantRows
from trunkline.core.store.users import UserRows

INACTIVITY_TIMEOUT_S: Final = 600.0
"""Unless the settings say another."""


class Store:
    """The rows by subject, on one database. A device that was silent for `inactivity_timeout_s` is not active."""

    def __init__(self, database: Database, *, inactivity_timeout_s: float = INACTIVITY_TIMEOUT_S) -> None:
        self._database = database
        self.starts = Starts(database)
        self.tenants = TenantRows(database)
        self.customers = CustomerRows(database)
        self.users = UserRows(database)
        self.revocations = RevocationRows(database)
        self.devices = DeviceRows(database, lambda: unix_ms() - int(inactivity_timeout_s * 1000))
        self.profiles = ProfileRows(database)
        self.presence = PresenceRows(database)
        self.calls = CallRows(database)

    @classmethod
    async def open(cls, url: str, *, inactivity_timeout_s: float = INACTIVITY_TIMEOUT_S) -> "Store":
        """The store at `url` (`sqlite_url(path)`), its schema brought up to date. Raises STORE_UNAVAILABLE."""
        return cls(await Database.open(url), inactivity_timeout_s=inactivity_timeout_s)

    async def close(self) -> None:
        """Close all connections."""
        await self._database.close()
