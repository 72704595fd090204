"""Tenants, customers and users as rows."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, new_id
from trunkline.core.identity.model import User
from trunkline.core.store.database import Database
from trunkline.core.store.devices import DEFAULT_PROFILE
from trunkline.core.store.tables import customers, device_profiles, tenants, users
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role


class AccountRows:
    """The tables of tenants, customers and users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_tenant(self, title: str, now_unix_ms: int) -> bytes:
        """The id of a new tenant, which has its default device profile."""
        tenant_id = new_id()
        created = {"create_unix_ms": now_unix_ms, "version": 1}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(tenants).values(id=tenant_id, title=title, **created))
            await connection.execute(
                insert(device_profiles).values(
                    id=new_id(), tenant_id=tenant_id, name=DEFAULT_PROFILE, is_default=True, **created
                )
            )

        await self._database.run(work)
        return tenant_id

    async def add_customer(self, tenant_id: bytes, title: str, now_unix_ms: int) -> bytes:
        """The id of a new customer of the tenant. Raises ALREADY_EXISTS if the tenant has one with this title."""
        customer_id = new_id()
        row = insert(customers).values(
            id=customer_id, tenant_id=tenant_id, title=title, create_unix_ms=now_unix_ms, version=1
        )
        try:
            await self._database.run(lambda connection: connection.execute(row))
        except IntegrityError:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_ALREADY_EXISTS, "Customer with such title already exists!"
            ) from None
        return customer_id

    async def find_customer(self, tenant_id: bytes, title: str) -> bytes | None:
        """The id of the tenant's customer with this title."""
        query = select(customers.c.id).where(customers.c.tenant_id == tenant_id, customers.c.title == title)

        async def work(connection: AsyncConnection) -> bytes | None:
            return (await connection.execute(query)).scalar_one_or_none()

        return await self._database.run(work)

    async def add_user(self, user: User, password_hash: str) -> None:
        """Store a new user. Raises ALREADY_EXISTS if the e-mail address is taken."""
        row = asdict(user) | {
            "tenant_id": user.tenant_id or None,
            "customer_id": user.customer_id or None,
            "password_hash": password_hash,
        }
        try:
            await self._database.run(lambda connection: connection.execute(insert(users).values(row)))
        except IntegrityError:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_ALREADY_EXISTS,
                f"User with email '{user.email}' already present in database!",
            ) from None

    async def find_user(self, user_id: bytes) -> User | None:
        """The user with this id."""
        found = await self._one(select(users).where(users.c.id == user_id))
        return found[0] if found else None

    async def find_login(self, email: str) -> tuple[User, str] | None:
        """The user with this e-mail address, letter case included, and the password's hash."""
        return await self._one(select(users).where(users.c.email == email))

    async def set_password(self, user_id: bytes, password_hash: str) -> None:
        """Replace the user's password."""
        await self._update(user_id, password_hash=password_hash)

    async def set_enabled(self, user_id: bytes, enabled: bool) -> None:
        """Let the user log in, or not."""
        await self._update(user_id, enabled=enabled)

    async def _update(self, user_id: bytes, **values: object) -> None:
        change = update(users).where(users.c.id == user_id).values(version=users.c.version + 1, **values)
        await self._database.run(lambda connection: connection.execute(change))

    async def _one(self, query: Select[*tuple[Any, ...]]) -> tuple[User, str] | None:
        async def work(connection: AsyncConnection) -> tuple[User, str] | None:
            row = (await connection.execute(query)).one_or_none()
            return (_user(row), row.password_hash) if row is not None else None

        return await self._database.run(work)


def _user(row: Row[*tuple[Any, ...]]) -> User:
    return User(
        id=row.id,
        tenant_id=row.tenant_id or NO_ID,
        customer_id=row.customer_id or NO_ID,
        email=row.email,
        role=Role.ValueType(row.role),
        create_unix_ms=row.create_unix_ms,
        first_name=row.first_name,
        last_name=row.last_name,
        phone=row.phone,
        enabled=row.enabled,
        version=row.version,
        additional_info=row.additional_info,
    )
