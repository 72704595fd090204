"""When devices were there, as rows. Times only ever grow, so whoever knows one of them need not know the others."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, ColumnElement, LargeBinary, Row, Select, bindparam, case, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.core.presence.model import NEVER, Presence, PresenceChange
from trunkline.core.presence.scope import Scope
from trunkline.core.store.database import IN_LIMIT, Database
from trunkline.core.store.tables import device_presence, devices

WRITE_BATCH: Final = 256
"""Rows in one transaction: SQLite has one at a time, and devices that connect wait for it."""

_TIMES: Final = ("last_connect_unix_ms", "last_disconnect_unix_ms", "last_activity_unix_ms")


class PresenceRows:
    """The table of the devices' presence. A device that was never there has no row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, changes: Sequence[PresenceChange]) -> None:
        """Store what became known, in one transaction; devices that are gone are left out."""
        values = [_values(change) for change in changes]

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_upsert(connection.dialect.name), values)

        await self._database.run(work)

    async def connected(self) -> list[bytes]:
        """The devices that are connected, by their rows."""
        query = select(device_presence.c.device_id).where(device_presence.c.connected)

        async def work(connection: AsyncConnection) -> list[bytes]:
            return list(await connection.scalars(query))

        return await self._database.run(work)

    async def latest(self) -> int:
        """The latest time in any row, Unix milliseconds: whoever wrote it was alive then. 0: there is none."""
        times = [func.coalesce(func.max(device_presence.c[time]), 0) for time in _TIMES]

        async def work(connection: AsyncConnection) -> int:
            latest: int = max((await connection.execute(select(*times))).one())
            return latest

        return await self._database.run(work)

    async def find(self, scope: Scope, device_ids: Collection[bytes], active_since: int) -> dict[bytes, Presence]:
        """The presence of those of the devices, at most IN_LIMIT, that exist within `scope`."""
        return await self._presence(_within(scope).where(devices.c.id.in_(device_ids)), active_since)

    async def after(self, scope: Scope, device_id: bytes, active_since: int) -> dict[bytes, Presence]:
        """The presence of the IN_LIMIT devices within `scope` whose ids follow `device_id`, in their order."""
        query = _within(scope).where(devices.c.id > device_id).order_by(devices.c.id).limit(IN_LIMIT)
        return await self._presence(query, active_since)

    async def silent(self, after_unix_ms: int, until_unix_ms: int) -> list[bytes]:
        """The devices that were last heard of after the first and until the second time."""
        heard = device_presence.c.last_activity_unix_ms
        query = select(device_presence.c.device_id).where(heard > after_unix_ms, heard <= until_unix_ms)

        async def work(connection: AsyncConnection) -> list[bytes]:
            return list(await connection.scalars(query))

        return await self._database.run(work)

    async def _presence(self, query: Select[*tuple[Any, ...]], active_since: int) -> dict[bytes, Presence]:
        async def work(connection: AsyncConnection) -> dict[bytes, Presence]:
            return {row.id: presence(row, active_since) for row in await connection.execute(query)}

        return await self._database.run(work)


def presence(row: Row[*tuple[Any, ...]], active_since: int) -> Presence:
    """What the columns of `device_presence` say in a row of devices joined with it, which may have none.

    Whoever was heard of after `active_since`, in Unix milliseconds, is active.
    """
    if row.last_activity_unix_ms is None:
        return NEVER
    return Presence(
        connected=row.connected,
        active=row.last_activity_unix_ms > active_since,
        last_connect_unix_ms=row.last_connect_unix_ms,
        last_disconnect_unix_ms=row.last_disconnect_unix_ms,
        last_activity_unix_ms=row.last_activity_unix_ms,
    )


def _within(scope: Scope) -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = (
        select(devices.c.id, device_presence)
        .outerjoin(device_presence, device_presence.c.device_id == devices.c.id)
        .where(devices.c.tenant_id == scope.tenant_id)
    )
    return query.where(devices.c.customer_id == scope.customer_id) if scope.customer_id else query


def _values(change: PresenceChange) -> dict[str, Any]:
    """As `asdict`, which would cost as much as the database does."""
    return {
        "device_id": change.device_id,
        "connected": change.connected,
        "last_connect_unix_ms": change.last_connect_unix_ms,
        "last_disconnect_unix_ms": change.last_disconnect_unix_ms,
        "last_activity_unix_ms": change.last_activity_unix_ms,
    }


@cache
def _upsert(dialect: str) -> sqlite.Insert | postgresql.Insert:
    """A row for each device that exists, in place of its former one. Both databases speak the same dialect here."""
    insert = sqlite.insert(device_presence) if dialect == "sqlite" else postgresql.insert(device_presence)
    row = select(
        devices.c.id,
        bindparam("connected", type_=Boolean),
        *(bindparam(time, type_=BigInteger) for time in _TIMES),
    ).where(devices.c.id == bindparam("device_id", type_=LargeBinary))
    with_row = insert.from_select(["device_id", "connected", *_TIMES], row)
    return with_row.on_conflict_do_update(
        index_elements=["device_id"],
        set_={
            "connected": with_row.excluded.connected,
            **{time: _later(with_row.excluded[time], device_presence.c[time]) for time in _TIMES},
        },
    )


def _later(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one > other, one), else_=other)
