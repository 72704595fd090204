"""Everything the core keeps on disk."""

from trunkline.core.store.accounts import AccountRows
from trunkline.core.store.database import Database
from trunkline.core.store.devices import DeviceRows
from trunkline.core.store.revocations import RevocationRows
from trunkline.core.store.starts import Starts


class Store:
    """The rows by subject, on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.starts = Starts(database)
        self.accounts = AccountRows(database)
        self.revocations = RevocationRows(database)
        self.devices = DeviceRows(database)

    @classmethod
    async def open(cls, url: str) -> "Store":
        """The store at `url` (`sqlite_url(path)`), its schema brought up to date. Raises STORE_UNAVAILABLE."""
        return cls(await Database.open(url))

    async def close(self) -> None:
        """Close all connections."""
        await self._database.close()
