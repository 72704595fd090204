"""Users as rows: who they are, how they log in, and how they get their first password."""

from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID
from trunkline.core.identity.model import Activation, User
from trunkline.core.store.database import Database
from trunkline.core.store.pages import Page, Paged, paged
from trunkline.core.store.revocations import Revocation, revoke_departed
from trunkline.core.store.tables import users
from trunkline.core.store.texts import holds
from trunkline.core.store.versions import change_row
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

_SORTABLE: Final = {
    "create_time": users.c.create_unix_ms,
    "email": users.c.email,
    "first_name": users.c.first_name,
    "last_name": users.c.last_name,
}

_NOT_ACTIVATED: Final = users.c.password_hash == ""


class UserRows:
    """The table of users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User, *, password_hash: str = "", activation: Activation | None = None) -> None:
        """Store a new user. Raises ALREADY_EXISTS if the e-mail address is taken, INVALID_ARGUMENT if its tenant or
        customer is gone."""
        row = asdict(user)
        del row["activated"]  # the hash says so
        row |= {
            "tenant_id": user.tenant_id or None,
            "customer_id": user.customer_id or None,
            "password_hash": password_hash,
            "activation_token": activation.token if activation else None,
            "activation_end_unix_ms": activation.end_unix_ms if activation else 0,
        }
        try:
            await self._database.run(lambda connection: connection.execute(insert(users).values(row)))
        except IntegrityError:
            if await self.find_login(user.email) is not None:
                raise _email_taken(user.email) from None
            raise TrunklineError(
                ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "User is referencing to non-existent tenant or customer!"
            ) from None

    async def find(self, user_id: bytes) -> User | None:
        """The user with this id."""
        row = await self._one(users.c.id == user_id)
        return _user(row) if row is not None else None

    async def find_login(self, email: str) -> tuple[User, str] | None:
        """The user with this e-mail address, letter case included, and the password's hash; empty: none yet."""
        row = await self._one(users.c.email == email)
        return (_user(row), row.password_hash) if row is not None else None

    async def password_hash(self, user_id: bytes) -> str | None:
        """The hash of the user's password; empty: none yet."""
        row = await self._one(users.c.id == user_id)
        return row.password_hash if row is not None else None

    async def has_any(self, role: Role.ValueType) -> bool:
        """Whether there is somebody in this role."""

        async def work(connection: AsyncConnection) -> bool:
            return (
                await connection.execute(select(users.c.id).where(users.c.role == role).limit(1))
            ).first() is not None

        return await self._database.run(work)

    async def page(
        self, page: Page, *, tenant_id: bytes, customer_id: bytes = NO_ID, role: Role.ValueType | None = None
    ) -> Paged[User]:
        """One page of the tenant's users, or of those of a customer or in a role."""
        query = select(users).where(users.c.tenant_id == tenant_id)
        if customer_id:
            query = query.where(users.c.customer_id == customer_id)
        if role is not None:
            query = query.where(users.c.role == role)

        async def work(connection: AsyncConnection) -> Paged[Row[*tuple[Any, ...]]]:
            return await paged(
                connection, query, page, sortable=_SORTABLE, search=holds(users.c.email), id_column=users.c.id
            )

        return await (await self._database.run(work)).mapped(_user)

    async def change(self, user_id: bytes, values: dict[str, Any], version: int) -> User | None:
        """The user with new values, named as the columns are; None if it is gone.

        Raises VERSION_CONFLICT as `change_row` does, and ALREADY_EXISTS if the e-mail address is taken.
        """

        async def work(connection: AsyncConnection) -> User | None:
            row = await change_row(connection, users, user_id, values, version=version, noun="User")
            return _user(row) if row is not None else None

        try:
            return await self._database.run(work)
        except IntegrityError:
            raise _email_taken(values["email"]) from None

    async def delete(self, user_id: bytes, now_unix_ms: int) -> list[Revocation]:
        """Remove the user; the end of all its tokens. Nothing if it is not there."""

        async def work(connection: AsyncConnection) -> list[Revocation]:
            gone = await connection.execute(delete(users).where(users.c.id == user_id))
            return await revoke_departed(connection, [user_id][: gone.rowcount], now_unix_ms)

        return await self._database.run(work)

    # How somebody logs in is no part of what others read of a user: it leaves the version as it is.

    async def logged_in(self, user_id: bytes, now_unix_ms: int) -> None:
        """Remember the user's last login."""
        await self._set(users.c.id == user_id, last_login_unix_ms=now_unix_ms)

    async def replace_password(self, user_id: bytes, password_hash: str, *, instead_of: str) -> bool:
        """Give the user another password; False if the one that had this hash is no longer the user's."""
        is_still = (users.c.id == user_id) & (users.c.password_hash == instead_of)
        return await self._set(is_still, password_hash=password_hash) is not None

    async def activate(self, token: str, password_hash: str, now_unix_ms: int) -> User | None:
        """The user whose activation token this is, with the first password; None if it is nobody's any more."""
        good = (users.c.activation_token == token) & (users.c.activation_end_unix_ms > now_unix_ms)
        return await self._set(good, **_activated(password_hash))

    async def activate_unasked(self, user_id: bytes, password_hash: str) -> None:
        """Give a user who has none the first password."""
        await self._set((users.c.id == user_id) & _NOT_ACTIVATED, **_activated(password_hash))

    async def find_activation(self, user_id: bytes) -> Activation | None:
        """The user's activation token, living or not."""
        return _activation(await self._one(users.c.id == user_id))

    async def find_activating(self, token: str) -> Activation | None:
        """Somebody's activation token, living or not."""
        return _activation(await self._one(users.c.activation_token == token))

    async def renew_activation(self, user_id: bytes, activation: Activation) -> bool:
        """Give the user this activation token; False if a password is set already."""
        waiting = (users.c.id == user_id) & _NOT_ACTIVATED
        changed = await self._set(
            waiting, activation_token=activation.token, activation_end_unix_ms=activation.end_unix_ms
        )
        return changed is not None

    async def enable(self, user_id: bytes) -> bool:
        """Let the user log in; False if there is no password to do so with."""
        return await self._set((users.c.id == user_id) & ~_NOT_ACTIVATED, enabled=True) is not None

    async def disable(self, user_id: bytes) -> None:
        """Let the user no longer log in, nor set a first password."""
        await self._set(users.c.id == user_id, enabled=False, activation_token=None, activation_end_unix_ms=0)

    async def _set(self, where: ColumnElement[bool], **values: object) -> User | None:
        async def work(connection: AsyncConnection) -> User | None:
            change = update(users).where(where).values(**values).returning(users)
            row = (await connection.execute(change)).one_or_none()
            return _user(row) if row is not None else None

        return await self._database.run(work)

    async def _one(self, where: ColumnElement[bool]) -> Row[*tuple[Any, ...]] | None:
        async def work(connection: AsyncConnection) -> Row[*tuple[Any, ...]] | None:
            return (await connection.execute(select(users).where(where))).one_or_none()

        return await self._database.run(work)


def _activated(password_hash: str) -> dict[str, Any]:
    return {
        "password_hash": password_hash,
        "enabled": True,
        "activation_token": None,
        "activation_end_unix_ms": 0,
    }


def _activation(row: Row[*tuple[Any, ...]] | None) -> Activation | None:
    if row is None or row.activation_token is None:
        return None
    return Activation(row.activation_token, row.activation_end_unix_ms)


def _email_taken(email: str) -> TrunklineError:
    return TrunklineError(
        ErrorReason.ERROR_REASON_ALREADY_EXISTS, f"User with email '{email}' already present in database!"
    )


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
        activated=bool(row.password_hash),
        last_login_unix_ms=row.last_login_unix_ms,
        version=row.version,
        additional_info=row.additional_info,
    )
