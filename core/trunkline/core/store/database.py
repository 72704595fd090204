"""One database: how it is opened, how its schema is brought up to date, and what its failures mean."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from trunkline.contract.errors import TrunklineError
from trunkline.v1.error_pb2 import ErrorReason

log = structlog.get_logger(__name__)

MIGRATIONS: Final = Path(__file__).parent / "migrations"

IN_LIMIT: Final = 500
"""Values in one `IN`; every database takes that many."""


def sqlite_url(path: Path) -> str:
    """The URL of the SQLite database in this file."""
    return f"sqlite+aiosqlite:///{path}"


class Database:
    """Transactions on one database. Build it with `Database.open`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Connect and bring the schema up to date. Raises STORE_UNAVAILABLE if that fails."""
        engine = _sqlite_engine(url) if make_url(url).get_backend_name() == "sqlite" else create_async_engine(url)
        database = cls(engine)
        try:
            async with database.begin() as connection:
                await connection.run_sync(migrate)
        except BaseException:
            await engine.dispose()
            raise
        return database

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back if it raises.

        IntegrityError passes, since only the query knows what it means; every other failure of the database becomes
        STORE_UNAVAILABLE, with the details in the log.
        """
        try:
            async with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            log.error("store_failed", error=str(error))
            raise TrunklineError(
                ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "The database does not answer; try again later"
            ) from error


def migrate(connection: Connection) -> None:
    """Apply the schema changes that `connection`'s database does not have yet."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _sqlite_engine(url: str) -> AsyncEngine:
    """One connection for everything: SQLite writes one at a time anyway, and so nobody ever meets SQLITE_BUSY."""
    engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=10)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # what was committed survives power loss
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine
