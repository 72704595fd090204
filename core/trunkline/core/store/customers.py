"""Customers as rows."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.model import PUBLIC_TITLE, Customer, CustomerDetails
from trunkline.core.store.contacts import contact_of, sortable, values_of
from trunkline.core.store.database import Database
from trunkline.core.store.pages import Page, Paged, paged
from trunkline.core.store.revocations import Departure, revoke_departed
from trunkline.core.store.tables import customers, devices, users
from trunkline.core.store.texts import holds
from trunkline.core.store.versions import change_row
from trunkline.v1.error_pb2 import ErrorReason

_SORTABLE: Final = sortable(customers)

_PUBLIC_INFO: Final = b'{"isPublic":true}'
"""By this ThingsBoard's clients know a public customer."""


class CustomerRows:
    """The table of customers. What is static works in a transaction of another entity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    async def public(connection: AsyncConnection, tenant_id: bytes, now_unix_ms: int) -> bytes:
        """The id of the tenant's public customer, made if need be."""
        query = select(customers.c.id).where(customers.c.tenant_id == tenant_id, customers.c.is_public)
        found: bytes | None = (await connection.scalars(query)).first()
        if found is not None:
            return found
        new = Customer(new_id(), tenant_id, PUBLIC_TITLE, now_unix_ms, is_public=True, additional_info=_PUBLIC_INFO)
        try:
            async with connection.begin_nested():
                await connection.execute(insert(customers).values(values_of(new)))
        except IntegrityError:  # another device was made public at the same time
            theirs: bytes = (await connection.scalars(query)).one()
            return theirs
        return new.id

    async def add(self, customer: Customer) -> None:
        """Store a new customer. Raises ALREADY_EXISTS if its tenant has one with this title."""
        row = insert(customers).values(values_of(customer))
        try:
            await self._database.run(lambda connection: connection.execute(row))
        except IntegrityError:
            raise _title_taken() from None

    async def find(self, customer_id: bytes) -> Customer | None:
        """The customer with this id."""
        return await self._one(customers.c.id == customer_id)

    async def find_by_title(self, tenant_id: bytes, title: str) -> Customer | None:
        """The tenant's customer with this title."""
        return await self._one((customers.c.tenant_id == tenant_id) & (customers.c.title == title))

    async def change(self, customer_id: bytes, details: CustomerDetails, version: int) -> Customer | None:
        """The customer with its new details; None if it is gone.

        Raises VERSION_CONFLICT as `change_row` does, and ALREADY_EXISTS if its tenant has another with this title.
        """

        async def work(connection: AsyncConnection) -> Customer | None:
            values = values_of(details)
            row = await change_row(connection, customers, customer_id, values, version=version, noun="Customer")
            return _customer(row) if row is not None else None

        try:
            return await self._database.run(work)
        except IntegrityError:
            raise _title_taken() from None

    async def delete(self, customer_id: bytes, now_unix_ms: int) -> Departure:
        """Remove the customer and its users, and leave its devices to nobody; what must hear of it."""
        unassign = (
            update(devices)
            .where(devices.c.customer_id == customer_id)
            .values(customer_id=None, version=devices.c.version + 1)
            .returning(devices.c.id)
        )

        async def work(connection: AsyncConnection) -> Departure:
            device_ids = await connection.scalars(unassign)
            user_ids = await connection.scalars(select(users.c.id).where(users.c.customer_id == customer_id))
            # Whoever used a public customer's devices had the customer's id.
            revocations = await revoke_departed(connection, [*user_ids, customer_id], now_unix_ms)
            gone = await connection.execute(delete(customers).where(customers.c.id == customer_id))
            return Departure(revocations, list(device_ids), found=gone.rowcount > 0)

        return await self._database.run(work)

    async def page(self, tenant_id: bytes, page: Page) -> Paged[Customer]:
        """One page of the tenant's customers."""
        query = select(customers).where(customers.c.tenant_id == tenant_id)

        async def work(connection: AsyncConnection) -> Paged[Row[*tuple[Any, ...]]]:
            return await paged(
                connection, query, page, sortable=_SORTABLE, search=holds(customers.c.title), id_column=customers.c.id
            )

        return await (await self._database.run(work)).mapped(_customer)

    async def _one(self, where: ColumnElement[bool]) -> Customer | None:
        async def work(connection: AsyncConnection) -> Customer | None:
            row = (await connection.execute(select(customers).where(where))).one_or_none()
            return _customer(row) if row is not None else None

        return await self._database.run(work)


def _customer(row: Row[*tuple[Any, ...]]) -> Customer:
    return Customer(
        id=row.id,
        tenant_id=row.tenant_id,
        title=row.title,
        create_unix_ms=row.create_unix_ms,
        is_public=row.is_public,
        contact=contact_of(row),
        version=row.version,
        additional_info=row.additional_info,
    )


def _title_taken() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_ALREADY_EXISTS, "Customer with such title already exists!")
