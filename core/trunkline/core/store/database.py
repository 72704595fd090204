"""One database: how it is opened, how its schema is brought up to date, and what its failures mean."""

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.core.store.texts import FOLD, FOLD_ASCII, fold, fold_ascii
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

T = TypeVar("T")

MIGRATIONS: Final = Path(__file__).parent / "migrations"

IN_LIMIT: Final = 500
"""Values in one `IN`; every database takes that many."""


def sqlite_url(path: Path) -> str:
    """The URL of the SQLite database in this file."""
    return f"sqlite+aiosqlite:///{path}"


def parts(values: Collection[T]) -> Iterator[list[T]]:
    """The values in lists short enough for one `IN`."""
    in_order = list(values)
    for start in range(0, len(in_order), IN_LIMIT):
        yield in_order[start : start + IN_LIMIT]


class CommitUnknown(TrunklineError):
    """The database went away while it committed: what the transaction did is there as a whole, or not at all."""

    def __init__(self) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "The database does not answer; it may have done what was asked"
        )


class Database:
    """Transactions on one database. Build it with `Database.open`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Connect and bring the schema up to date. Raises STORE_UNAVAILABLE if that fails."""
        engine = _sqlite_engine(url) if make_url(url).get_backend_name() == "sqlite" else create_async_engine(url)
        database = cls(engine)
        try:
            await database.run(lambda connection: connection.run_sync(migrate))
        except BaseException:
            await engine.dispose()
            raise
        return database

    async def close(self) -> None:
        """Let running transactions end, then close all connections; no other transaction begins."""
        self._closed = True
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._engine.dispose()

    async def run(self, work: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        """What `work` returns, in one transaction: committed when it returns, rolled back if it raises.

        It goes on to its end even if whoever awaits it is cancelled: SQLite's driver leaves a cancelled transaction
        open, and with it the database locked.

        IntegrityError passes, since only the caller knows what it means; every other failure of the database becomes
        STORE_UNAVAILABLE, with the details in the log.
        """
        if self._closed:
            raise TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "The database is closed")
        task = asyncio.create_task(self._transaction(work), name="transaction")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def _transaction(self, work: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        committing = False
        try:
            async with self._engine.connect() as connection:
                await connection.begin()
                result = await work(connection)
                committing = True
                await connection.commit()
                return result
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            log.error("store_failed", error=str(error), committing=committing)
            raise CommitUnknown() if committing else _unavailable() from error

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at here, since nobody may be waiting any more


def _unavailable() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "The database does not answer; try again later")


def migrate(connection: Connection) -> None:
    """Apply the schema changes that `connection`'s database does not have yet."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    logging.getLogger("alembic").setLevel(logging.WARNING)  # what it says at every start helps no operator
    command.upgrade(config, "head")


def _make_private(path: str) -> None:
    """Make the file, unless it is there; only its owner may read it, since it holds password hashes and tokens.

    Raises STORE_UNAVAILABLE if it cannot be opened: the driver's thread would tell so to an event loop that may have
    ended.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise TrunklineError(
            ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, f"The database {path} cannot be opened: {error.strerror}"
        ) from error


def _sqlite_engine(url: str) -> AsyncEngine:
    """One connection for everything: SQLite writes one at a time anyway, and so nobody ever meets SQLITE_BUSY."""
    path = make_url(url).database
    if path:
        _make_private(path)
    engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=10)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions only before some statements
        connection.create_function(FOLD, 1, fold, deterministic=True)
        connection.create_function(FOLD_ASCII, 1, fold_ascii, deterministic=True)
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")  # what was committed survives power loss
            cursor.execute("PRAGMA foreign_keys=ON")
        except Exception:
            connection.close()  # it is nobody's yet, and its thread would live on
            raise
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")  # so that a schema change happens as a whole or not at all

    return engine
