"""Tenants as rows."""

from typing import Any, Final

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.core.identity.model import Tenant, TenantDetails
from trunkline.core.store.contacts import contact_of, sortable, values_of
from trunkline.core.store.database import Database
from trunkline.core.store.pages import Page, Paged, paged
from trunkline.core.store.profiles import ProfileRows
from trunkline.core.store.revocations import Departure, revoke_departed
from trunkline.core.store.tables import customers, devices, tenants, users
from trunkline.core.store.texts import holds
from trunkline.core.store.versions import change_row

_SORTABLE: Final = sortable(tenants)


class TenantRows:
    """The table of tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tenant: Tenant) -> None:
        """Store a new tenant with its default device profile, both or neither."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(tenants).values(values_of(tenant)))
            await ProfileRows.add_default(connection, tenant.id, tenant.create_unix_ms)

        await self._database.run(work)

    async def find(self, tenant_id: bytes) -> Tenant | None:
        """The tenant with this id."""

        async def work(connection: AsyncConnection) -> Tenant | None:
            row = (await connection.execute(select(tenants).where(tenants.c.id == tenant_id))).one_or_none()
            return _tenant(row) if row is not None else None

        return await self._database.run(work)

    async def change(self, tenant_id: bytes, details: TenantDetails, version: int) -> Tenant | None:
        """The tenant with its new details; None if it is gone. Raises VERSION_CONFLICT as `change_row` does."""

        async def work(connection: AsyncConnection) -> Tenant | None:
            values = values_of(details)
            row = await change_row(connection, tenants, tenant_id, values, version=version, noun="Tenant")
            return _tenant(row) if row is not None else None

        return await self._database.run(work)

    async def delete(self, tenant_id: bytes, now_unix_ms: int) -> Departure:
        """Remove the tenant and all that it has; what must hear of it."""

        async def work(connection: AsyncConnection) -> Departure:
            device_ids = await connection.scalars(
                delete(devices).where(devices.c.tenant_id == tenant_id).returning(devices.c.id)
            )
            user_ids = await connection.scalars(select(users.c.id).where(users.c.tenant_id == tenant_id))
            anonymous_ids = await connection.scalars(
                select(customers.c.id).where(customers.c.tenant_id == tenant_id, customers.c.is_public)
            )
            departed = [*user_ids, *anonymous_ids]
            revocations = await revoke_departed(connection, departed, now_unix_ms)
            gone = await connection.execute(delete(tenants).where(tenants.c.id == tenant_id))
            return Departure(revocations, list(device_ids), found=gone.rowcount > 0)

        return await self._database.run(work)

    async def page(self, page: Page) -> Paged[Tenant]:
        """One page of all tenants."""

        async def work(connection: AsyncConnection) -> Paged[Row[*tuple[Any, ...]]]:
            query = select(tenants)
            return await paged(
                connection, query, page, sortable=_SORTABLE, search=holds(tenants.c.title), id_column=tenants.c.id
            )

        return await (await self._database.run(work)).mapped(_tenant)


def _tenant(row: Row[*tuple[Any, ...]]) -> Tenant:
    return Tenant(
        id=row.id,
        title=row.title,
        create_unix_ms=row.create_unix_ms,
        region=row.region,
        contact=contact_of(row),
        version=row.version,
        additional_info=row.additional_info,
    )
