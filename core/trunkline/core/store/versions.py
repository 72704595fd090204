"""Changing an entity that somebody read before: its version says whether it is still what was read."""

from typing import Any

from sqlalchemy import Row, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.v1.error_pb2 import ErrorReason


async def change_row(
    connection: AsyncConnection, table: Table, entity_id: bytes, values: dict[str, Any], *, version: int, noun: str
) -> Row[*tuple[Any, ...]] | None:
    """The row with its new values and the next version; None if there is no such row.

    `version` is the one that was read, 0: any. Raises VERSION_CONFLICT if the row has another one by now.
    """
    change = update(table).where(table.c.id == entity_id)
    if version:
        change = change.where(table.c.version == version)
    change = change.values(version=table.c.version + 1, **values)
    row: Row[*tuple[Any, ...]] | None = (await connection.execute(change.returning(table))).one_or_none()
    if row is None and version and await _exists(connection, table, entity_id):
        raise TrunklineError(ErrorReason.ERROR_REASON_VERSION_CONFLICT, f"{noun} was already changed by someone else")
    return row


async def _exists(connection: AsyncConnection, table: Table, entity_id: bytes) -> bool:
    return (await connection.execute(select(table.c.id).where(table.c.id == entity_id))).first() is not None
