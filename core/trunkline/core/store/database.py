"""One database: how it is opened, how its schema is brought up to date, and what its failures mean."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.core.store.postgresql import DRIVER_ERRORS, TRANSACTION_LIMIT_S, Ownership, is_no_value, postgres_engine
from trunkline.core.store.sqlite import sqlite_engine
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

T = TypeVar("T")

Work = Callable[[AsyncConnection], Coroutine[Any, Any, T]]
"""What is done in a transaction."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"

IN_LIMIT: Final = 500
"""Values in one `IN`; every database takes that many."""


FAILURES: Final = (SQLAlchemyError, OSError, sqlite3.Error, *DRIVER_ERRORS)
"""Whatever goes wrong with a database, as SQLAlchemy says it or the drivers themselves."""


def sqlite_url(path: Path) -> str:
    """The URL of the SQLite database in this file."""
    return f"sqlite+aiosqlite:///{path}"


def shown(url: str) -> str:
    """The URL as logs may show it: without a password, wherever it has one. Raises STORE_UNAVAILABLE as `open`."""
    return _parsed(url).set(query={}).render_as_string(hide_password=True)


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

    def __init__(
        self, engine: AsyncEngine, ownership: Ownership | None = None, *, limit_s: float = TRANSACTION_LIMIT_S
    ) -> None:
        """`ownership`: of a database on a server. There a transaction is given up after `limit_s`."""
        self._engine = engine
        self._ownership = ownership
        # SQLite has one transaction at a time, and all of it was written for that.
        self._turn: AbstractAsyncContextManager[None] = asyncio.Lock() if ownership is not None else nullcontext()
        self._limit_s = limit_s if ownership is not None else None
        self._running: set[asyncio.Task[Any]] = set()
        self._down = False
        self._closed = False

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Connect and bring the schema up to date: of SQLite, `sqlite_url(path)`, or PostgreSQL, `postgresql://…`.

        Raises STORE_UNAVAILABLE if that fails.
        """
        parsed = _parsed(url)
        if parsed.get_backend_name() == "sqlite":
            database = cls(sqlite_engine(parsed))
        else:
            database = cls(postgres_engine(parsed), Ownership(parsed))
        try:
            await database._perform(lambda connection: connection.run_sync(migrate), alone=True, limit_s=None)
        except BaseException as error:
            await database.close()
            if isinstance(error, TrunklineError) and error.__cause__ is not None:
                raise _unavailable(f"The database {shown(url)} cannot be opened: {_why(error.__cause__)}") from error
            raise
        log.info("database_opened", database=shown(url))
        return database

    async def close(self) -> None:
        """Let running transactions end, then close all connections; no other transaction begins."""
        self._closed = True
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._engine.dispose()
        if self._ownership is not None:
            await self._ownership.give_up()

    async def run(self, work: Work[T], *, alone: bool = True) -> T:
        """What `work` returns, in one transaction: committed when it returns, rolled back if it raises.

        It goes on to its end even if whoever awaits it is cancelled: SQLite's driver leaves a cancelled transaction
        open, and with it the database locked. It has the database to itself beside those that say they need not be
        `alone`: these may run at the same time where the database can do that.

        IntegrityError passes, since only the caller knows what it means; every other failure of the database becomes
        STORE_UNAVAILABLE, with the details in the log: CommitUnknown if it may have been committed all the same.
        A value that PostgreSQL cannot even look for, such as a text with 0x00, is an INVALID_ARGUMENT.
        """
        if self._closed:
            raise TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "The database is closed")
        return await self._perform(work, alone=alone, limit_s=self._limit_s)

    async def _perform(self, work: Work[T], *, alone: bool, limit_s: float | None) -> T:
        task = asyncio.create_task(self._transaction(work, alone=alone, limit_s=limit_s), name="transaction")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def _transaction(self, work: Work[T], *, alone: bool, limit_s: float | None) -> T:
        committing = False
        try:
            async with asyncio.timeout(limit_s), self._turn if alone else nullcontext():
                claim = await self._ownership.claim() if self._ownership is not None else None
                async with self._engine.connect() as connection:
                    await connection.begin()
                    result = await work(connection)
                    if self._ownership is not None:
                        self._ownership.check(claim)
                    committing = True
                    await connection.commit()
        except IntegrityError:
            raise
        except FAILURES as error:
            if is_no_value(error):
                raise TrunklineError(
                    ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "No database can hold or look for such a value"
                ) from error
            self._failed(error, committing=committing)
            raise (
                CommitUnknown if committing else _unavailable("The database does not answer; try again later")
            ) from error
        if self._down:
            log.info("store_answers")
            self._down = False
        return result

    def _failed(self, error: Exception, *, committing: bool) -> None:
        """Log the first of many failures."""
        if not self._down:
            log.error("store_failed", error=_why(error), committing=committing)
            self._down = True

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at here, since nobody may be waiting any more


def migrate(connection: Connection) -> None:
    """Apply the schema changes that `connection`'s database does not have yet."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    logging.getLogger("alembic").setLevel(logging.WARNING)  # what it says at every start helps no operator
    command.upgrade(config, "head")


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url)
    except (ArgumentError, ValueError):  # whose texts might tell the password
        raise _unavailable("What names the database is no URL, such as postgresql://user@host/database") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise _unavailable(f"A database is one of SQLite or PostgreSQL, not {parsed.get_backend_name()}")
    return parsed


def _why(error: BaseException) -> str:
    """What the driver said, if it was the driver."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(said) or type(said).__name__


def _unavailable(message: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, message)
