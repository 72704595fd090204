"""Stored calls as rows: from their acceptance until somebody removes them."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Delete, Row, Select, Update, and_, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.channel import LARGEST_ANSWER_BYTES
from trunkline.core.store import call_queries
from trunkline.core.store.call_queries import LISTED, SEARCH, SORTABLE, living_of, stored_of
from trunkline.core.store.call_rows import CallChange, CallKey, LivingCall, NewCall, StoredCall
from trunkline.core.store.database import Database, parts
from trunkline.core.store.pages import Page, Paged, paged
from trunkline.core.store.tables import calls, devices
from trunkline.core.validation import invalid
from trunkline.v1.call_pb2 import CallState

T = TypeVar("T")

NOBODY: Final[frozenset[CallKey]] = frozenset()


class CallRows:
    """The table of stored calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, inserts: Sequence[NewCall], updates: Sequence[CallChange]) -> frozenset[CallKey]:
        """Write all of it in one transaction; the inserts that were not made: another call has the id or the
        idempotency key, or the tenant is gone.

        Each call may be named once. An update leaves rows alone that are gone, or of its version or a later one
        already. Raises STORE_UNAVAILABLE if nothing was written, and CommitUnknown: then `versions` tells.
        """

        async def work(connection: AsyncConnection) -> frozenset[CallKey]:
            refused = NOBODY
            if inserts and await call_queries.insert(connection, inserts) < len(inserts):
                refused = await _not_made(connection, inserts)
            if updates:
                await call_queries.change(connection, updates)
            return refused

        return await self._database.run(work, alone=False)

    async def versions(self, keys: Collection[CallKey]) -> dict[CallKey, int]:
        """The versions of those of the rows that are there."""
        query = select(calls.c.id, calls.c.version)
        return await self._by_key(query, keys, lambda row: row.version)

    async def bodies(self, keys: Collection[CallKey]) -> dict[CallKey, tuple[str, bytes]]:
        """Method and params of those of the calls that are there."""
        query = select(calls.c.id, calls.c.method, calls.c.params)
        return await self._by_key(query, keys, lambda row: (row.method.decode(), row.params))

    async def methods(self, keys: Collection[CallKey]) -> dict[CallKey, str]:
        """The methods of those of the calls that are there."""
        query = select(calls.c.tenant_id, calls.c.id, calls.c.method)
        return await self._by_key(query, keys, lambda row: row.method.decode())

    async def living(self, after_ordinal: int, limit: int) -> list[LivingCall]:
        """The first `limit` calls behind this ordinal that have not ended, in order."""
        query = call_queries.living(after_ordinal, limit)

        async def work(connection: AsyncConnection) -> list[LivingCall]:
            return [living_of(row) for row in await connection.execute(query)]

        return await self._database.run(work, alone=False)

    async def orphaned_devices(self) -> list[bytes]:
        """The devices of calls that have not ended, as far as these devices are gone."""
        query = select(calls.c.device_id).where(calls.c.living, ~exists().where(devices.c.id == calls.c.device_id))

        async def work(connection: AsyncConnection) -> list[bytes]:
            return list(await connection.scalars(query.distinct()))

        return await self._database.run(work)

    async def find(self, tenant_id: bytes, call_id: bytes) -> StoredCall | None:
        """The tenant's call with this id."""
        return await self._one(and_(calls.c.tenant_id == tenant_id, calls.c.id == call_id))

    async def find_by_key(self, tenant_id: bytes, device_id: bytes, idempotency_key: str) -> StoredCall | None:
        """The device's call with this idempotency key, which is not empty."""
        return await self._one(call_queries.with_key(tenant_id, device_id, idempotency_key))

    async def find_by_request(self, device_id: bytes, request_id: int) -> StoredCall | None:
        """The device's call with this request id: the living one, or else the newest."""
        return await self._one(and_(calls.c.device_id == device_id, calls.c.request_id == request_id))

    async def add_late_reply(self, tenant_id: bytes, call_id: bytes, payload: bytes, steps: str) -> bool:
        """Keep a reply that came after the call's end, and add the steps, whole lines, to its timeline.

        False if there is no such call, it has a reply, late or not, or it has not ended.
        """
        change = (
            update(calls)
            .where(calls.c.tenant_id == tenant_id, calls.c.id == call_id, ~calls.c.living)
            .where(calls.c.reply.is_(None), calls.c.late_reply.is_(None))
            .values(late_reply=payload, timeline=calls.c.timeline.concat(call_queries.keepable(steps)))
        )
        return await self._touched(change) > 0

    async def page(
        self, tenant_id: bytes, device_id: bytes, states: Collection[CallState.ValueType], page: Page
    ) -> Paged[StoredCall]:
        """One page of the device's calls, of those in some states if any are named.

        `page.text_search` looks in method, params and reply, letter case of ASCII aside; `sort_by` is one of
        create_time, expire_time, end_time, state, method and call_id. Raises INVALID_ARGUMENT for anything else, and
        for a page that carries more than LARGEST_ANSWER_BYTES: nobody could be told, and it might fill the memory.
        """
        query = LISTED.where(calls.c.tenant_id == tenant_id, calls.c.device_id == device_id)
        if states:
            query = query.where(calls.c.state.in_(states))

        async def work(connection: AsyncConnection) -> Paged[Row[*tuple[Any, ...]]]:
            listed = await paged(connection, query, page, sortable=SORTABLE, search=SEARCH, id_column=calls.c.id)
            size = sum(row.bytes for row in listed.items)
            if size > LARGEST_ANSWER_BYTES:
                invalid(f"The page has {size} bytes, more than {LARGEST_ANSWER_BYTES}: ask for fewer items", "size")
            ordinals = [row.ordinal for row in listed.items]
            whole = {
                row.ordinal: row
                for part in parts(ordinals)
                for row in await connection.execute(select(calls).where(calls.c.ordinal.in_(part)))
            }
            # One that was removed in between is left out.
            return Paged([whole[ordinal] for ordinal in ordinals if ordinal in whole], listed.total)

        return await (await self._database.run(work, alone=False)).mapped(stored_of)

    async def delete(self, tenant_id: bytes, call_id: bytes) -> bool:
        """Remove the tenant's call with this id; False if there is none."""
        return await self._touched(delete(calls).where(calls.c.tenant_id == tenant_id, calls.c.id == call_id)) > 0

    async def delete_ended_before(self, unix_ms: int, limit: int) -> int:
        """Remove up to `limit` of the calls that ended before this time, the earliest first; how many these were."""
        earliest = call_queries.ended_before(unix_ms, limit)
        return await self._touched(delete(calls).where(calls.c.ordinal.in_(earliest)))

    async def _touched(self, statement: Delete | Update) -> int:
        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        return await self._database.run(work, alone=False)

    async def _one(self, where: ColumnElement[bool]) -> StoredCall | None:
        query = select(calls).where(where).order_by(calls.c.living.desc(), calls.c.ordinal.desc()).limit(1)

        async def work(connection: AsyncConnection) -> StoredCall | None:
            row = (await connection.execute(query)).one_or_none()
            return stored_of(row) if row is not None else None

        return await self._database.run(work, alone=False)

    async def _by_key(
        self,
        query: Select[*tuple[Any, ...]],
        keys: Collection[CallKey],
        value: Callable[[Row[*tuple[Any, ...]]], T],
    ) -> dict[CallKey, T]:
        """What `value` makes of each row of the query, which has the id."""
        ids: dict[bytes, list[bytes]] = {}  # by tenant: SQLite finds no pairs by an index
        for tenant_id, call_id in keys:
            ids.setdefault(tenant_id, []).append(call_id)

        async def work(connection: AsyncConnection) -> dict[CallKey, T]:
            return {
                (tenant_id, row.id): value(row)
                for tenant_id, of_tenant in ids.items()
                for part in parts(of_tenant)
                for row in await connection.execute(query.where(call_queries.with_ids(tenant_id, part)))
            }

        return await self._database.run(work, alone=False)


async def _not_made(connection: AsyncConnection, inserts: Sequence[NewCall]) -> frozenset[CallKey]:
    """Those of the inserts whose rows are not there: an ordinal is no other call's."""
    ordinals = [call.ordinal for call in inserts]
    made = {
        ordinal
        for part in parts(ordinals)
        for ordinal in await connection.scalars(select(calls.c.ordinal).where(calls.c.ordinal.in_(part)))
    }
    return frozenset((call.tenant_id, call.call_id) for call in inserts if call.ordinal not in made)
