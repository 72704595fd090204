"""A database in a file: how SQLite is opened so that what was committed survives power loss."""

import os
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from trunkline.contract.errors import TrunklineError
from trunkline.core.store.texts import FOLD, FOLD_ASCII, fold, fold_ascii
from trunkline.v1.error_pb2 import ErrorReason


def sqlite_engine(url: URL) -> AsyncEngine:
    """One connection for everything: SQLite writes one at a time anyway, and so nobody ever meets SQLITE_BUSY.

    Raises STORE_UNAVAILABLE if the file cannot be opened.
    """
    if url.database:
        _make_private(url.database)
    engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"), pool_size=1, max_overflow=0, pool_timeout=10)

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
        # So that a schema change happens as a whole or not at all. By the driver: its thread is asked once, not thrice.
        driver: Any = connection.connection.driver_connection
        await_only(driver.execute("BEGIN"))

    return engine


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
