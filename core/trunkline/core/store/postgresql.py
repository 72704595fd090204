"""A database on a PostgreSQL server: how its connections are made, and how one core has it to itself."""

import asyncio
import os
import platform
from typing import Any, Final

import asyncpg
from sqlalchemy import URL, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

DRIVER_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What the driver raises while it connects; later SQLAlchemy makes its own of them."""

TRANSACTION_LIMIT_S: Final = 30.0
"""A transaction that takes longer is given up: the server or the way to it hangs."""

_CONNECTIONS: Final = 5

_CONNECT_S: Final = 10.0

_LOCK: Final = (0x7472756E, 0x6B6C696E)
"""`trunklin`: what a core locks, in PostgreSQL's two numbers."""

PATIENCE_MS: Final = 5_000
"""How long the lock of a core that was killed may take to go with its connection."""

_SESSION: Final = {
    "application_name": f"trunkline core, process {os.getpid()} on {platform.node()}"[:63],
    "default_transaction_isolation": "read committed",
    "tcp_keepalives_idle": "30",  # a lock whose core vanished without a word is free after a minute
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}

_CHECKS: Final = """
SELECT current_setting('server_encoding') AS encoding,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       pg_is_in_recovery() AS standby,
       EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu') AS icu
"""

_HOLDER: Final = """
SELECT application_name, coalesce(host(client_addr), 'a socket') AS address
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = $1 AND objid = $2
  AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def postgres_engine(url: URL) -> AsyncEngine:
    """A pool of connections. One that the server closed meanwhile is never handed out."""

    async def connect() -> Any:
        return await _connect(url)

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_size=_CONNECTIONS, max_overflow=0, pool_timeout=10
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def check(connection: Any, _record: object, _proxy: object) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine


def is_no_value(error: Exception) -> bool:
    """Whether the server refused a value: its errors of class 22 say so of data."""
    said = error.orig if isinstance(error, DBAPIError) else None
    return str(getattr(said, "sqlstate", "")).startswith("22")


class Ownership:
    """The right to be the only core on a database: a lock that lasts as long as the connection that took it.

    It keeps people from starting two cores on one database by mistake. A connection that ends takes the lock along,
    and whoever asks next takes it anew.
    """

    def __init__(self, url: URL, *, patience_ms: int = PATIENCE_MS) -> None:
        self._url = url
        self._patience_ms = patience_ms
        self._holder: asyncpg.Connection[asyncpg.Record] | None = None
        self._claiming: asyncio.Task[object] | None = None

    async def claim(self) -> object:
        """What stands for the lock as it is held now.

        Raises STORE_UNAVAILABLE if another core has it or the server is not set up to keep what it was told, and what
        the driver does if there is no connection.
        """
        if self._holder is not None and not self._holder.is_closed():
            return self._holder
        if self._claiming is None:
            self._claiming = asyncio.create_task(self._claim(), name="claim the database")
            self._claiming.add_done_callback(self._claimed)
        return await asyncio.shield(self._claiming)

    def check(self, claim: object) -> None:
        """Raise STORE_UNAVAILABLE if the lock was lost since it was like that."""
        if self._holder is not claim or self._holder is None or self._holder.is_closed():
            raise _unavailable("The connection to the database was lost; try again later")

    async def give_up(self) -> None:
        """Leave the database to others."""
        if self._claiming is not None:
            self._claiming.cancel()
            await asyncio.gather(self._claiming, return_exceptions=True)
        if self._holder is not None:
            self._holder.terminate()
            self._holder = None

    async def _claim(self) -> object:
        connection = await _connect(self._url)
        try:
            await _check_server(connection)
            await _lock(connection, self._patience_ms)
        except BaseException:
            connection.terminate()
            raise
        self._holder = connection
        return connection

    def _claimed(self, task: asyncio.Task[object]) -> None:
        self._claiming = None
        if not task.cancelled():
            task.exception()  # looked at here, since nobody may be waiting any more


async def _connect(url: URL) -> "asyncpg.Connection[asyncpg.Record]":
    """The driver reads the URL as PostgreSQL's own programs do, with their environment variables and password file."""
    try:
        return await asyncpg.connect(
            url.set(drivername="postgresql").render_as_string(hide_password=False),
            timeout=_CONNECT_S,
            server_settings=_SESSION,
        )
    except asyncpg.InterfaceError:
        raise
    except ValueError as error:  # what the driver's parts find wrong with a URL
        raise _unavailable(f"The database's URL cannot be used: {error}") from None


async def _check_server(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    server = await connection.fetchrow(_CHECKS)
    assert server is not None  # it has no FROM
    if server["standby"]:
        raise _unavailable("The database is a standby; name the primary server")
    if server["encoding"] != "UTF8":
        raise _unavailable(f"The database has the encoding {server['encoding']}; create it with ENCODING 'UTF8'")
    if not server["icu"]:
        raise _unavailable("The PostgreSQL server was built without ICU, by which letter case is told; it is needed")
    if server["synchronous_commit"] == "off":
        raise _unavailable(
            "The database says so before what it committed is on disk, and acknowledged calls could be lost; "
            "say ALTER DATABASE … SET synchronous_commit = on, and look at the role's settings too"
        )
    if server["fsync"] == "off":
        log.warning("database_without_fsync", consequence="acknowledged calls do not survive power loss")


async def _lock(connection: "asyncpg.Connection[asyncpg.Record]", patience_ms: int) -> None:
    await connection.execute(f"SET lock_timeout = {patience_ms}")
    try:
        await connection.execute("SELECT pg_advisory_lock($1, $2)", *_LOCK)
    except asyncpg.LockNotAvailableError:
        holder = await connection.fetchrow(_HOLDER, *_LOCK)
        who = f": {holder['application_name']}, connected from {holder['address']}" if holder is not None else ""
        raise _unavailable(f"Another core uses this database{who}; stop that one first") from None


def _unavailable(message: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, message)
