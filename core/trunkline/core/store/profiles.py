"""Device profiles as rows."""

from collections.abc import Collection
from dataclasses import asdict, fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID
from trunkline.core.profiles.model import DEFAULT_PROFILE, DeviceProfile, ProfileDetails, unasked_profile
from trunkline.core.store.database import Database
from trunkline.core.store.pages import Page, Paged, paged
from trunkline.core.store.tables import device_profiles, devices
from trunkline.core.store.texts import holds
from trunkline.core.store.versions import change_row
from trunkline.v1.error_pb2 import ErrorReason

_SORTABLE: Final = {
    "create_time": device_profiles.c.create_unix_ms,
    "name": device_profiles.c.name,
    "transport_type": device_profiles.c.transport_type,
    "description": device_profiles.c.description,
    "is_default": device_profiles.c.is_default,
}

_OPTIONAL_IDS: Final = ("default_rule_chain_id", "default_dashboard_id")

_DETAILS: Final = tuple(field.name for field in fields(ProfileDetails))


class ProfileRows:
    """The table of device profiles. What is static works in a transaction of another entity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    async def add_default(connection: AsyncConnection, tenant_id: bytes, now_unix_ms: int) -> None:
        """Give a new tenant its default profile."""
        profile = unasked_profile(tenant_id, DEFAULT_PROFILE, now_unix_ms, is_default=True)
        await connection.execute(insert(device_profiles).values(_row(profile)))

    @staticmethod
    async def resolve(
        connection: AsyncConnection, tenant_id: bytes, profile_id: bytes, type_name: str, now_unix_ms: int
    ) -> tuple[bytes, str]:
        """Id and name of the profile that a device gets.

        `profile_id` goes before `type_name`; an unknown type becomes a new profile, and without both it is the
        tenant's default one. Raises INVALID_ARGUMENT if the tenant has no such profile or the type is blank.
        """
        of_tenant = select(device_profiles.c.id, device_profiles.c.name).where(device_profiles.c.tenant_id == tenant_id)
        if profile_id:
            row = (await connection.execute(of_tenant.where(device_profiles.c.id == profile_id))).one_or_none()
            if row is None:
                raise _refused("Device is referencing non existing device profile!")
            return row.id, row.name
        if not type_name:
            row = (await connection.execute(of_tenant.where(device_profiles.c.is_default))).one_or_none()
            if row is None:
                raise _tenant_gone()
            return row.id, row.name
        if not type_name.strip():
            raise _refused("Device profile name should be specified!")
        named = of_tenant.where(device_profiles.c.name == type_name)
        row = (await connection.execute(named)).one_or_none()
        if row is not None:
            return row.id, row.name
        profile = unasked_profile(tenant_id, type_name, now_unix_ms)
        try:
            async with connection.begin_nested():
                await connection.execute(insert(device_profiles).values(_row(profile)))
        except IntegrityError:  # another device of the new type was quicker, or somebody deleted the tenant
            row = (await connection.execute(named)).one_or_none()
            if row is None:
                raise _tenant_gone() from None
            return row.id, row.name
        return profile.id, type_name

    async def add(self, profile: DeviceProfile) -> None:
        """Store a new profile. Raises ALREADY_EXISTS if the tenant has one of this name."""
        row = insert(device_profiles).values(_row(profile))
        try:
            await self._database.run(lambda connection: connection.execute(row))
        except IntegrityError:
            raise _taken() from None

    async def find(self, profile_id: bytes) -> DeviceProfile | None:
        """The profile with this id."""
        return await self._one(device_profiles.c.id == profile_id)

    async def find_by_name(self, tenant_id: bytes, name: str) -> DeviceProfile | None:
        """The tenant's profile with this name."""
        return await self._one(and_(device_profiles.c.tenant_id == tenant_id, device_profiles.c.name == name))

    async def find_default(self, tenant_id: bytes) -> DeviceProfile | None:
        """The tenant's default profile; None if the tenant is gone."""
        return await self._one(and_(device_profiles.c.tenant_id == tenant_id, device_profiles.c.is_default))

    async def find_many(self, profile_ids: Collection[bytes]) -> list[DeviceProfile]:
        """Those of the profiles that exist; at most `IN_LIMIT` may be asked."""
        query = select(device_profiles).where(device_profiles.c.id.in_(profile_ids))

        async def work(connection: AsyncConnection) -> list[DeviceProfile]:
            return [_profile(row) for row in await connection.execute(query)]

        return await self._database.run(work)

    async def page(
        self, tenant_id: bytes, page: Page, *, transport_type: int = 0, ids: Collection[bytes] = ()
    ) -> Paged[DeviceProfile]:
        """One page of the tenant's profiles; of one transport type and with some ids only, if that is asked."""
        query = select(device_profiles).where(device_profiles.c.tenant_id == tenant_id)
        if transport_type:
            query = query.where(device_profiles.c.transport_type == transport_type)
        if ids:
            query = query.where(device_profiles.c.id.in_(ids))

        async def work(connection: AsyncConnection) -> Paged[Row[*tuple[Any, ...]]]:
            return await paged(
                connection,
                query,
                page,
                sortable=_SORTABLE,
                search=holds(device_profiles.c.name),
                id_column=device_profiles.c.id,
            )

        rows = await self._database.run(work)
        return await rows.mapped(_profile)

    async def change(
        self, profile_id: bytes, details: ProfileDetails, version: int
    ) -> tuple[DeviceProfile, DeviceProfile] | None:
        """The profile before and with its new details; None if it is gone.

        Raises ALREADY_EXISTS if the name is taken, INVALID_ARGUMENT for another transport type while devices have the
        profile, and VERSION_CONFLICT as `change_row` does.
        """

        async def work(connection: AsyncConnection) -> tuple[DeviceProfile, DeviceProfile] | None:
            before = (await connection.execute(_with_id(profile_id).with_for_update())).one_or_none()
            after = await change_row(
                connection, device_profiles, profile_id, _columns(details), version=version, noun="Device profile"
            )
            if before is None or after is None:
                return None
            if after.transport_type != before.transport_type and await _has_devices(connection, profile_id):
                raise _refused("Can't change device profile transport type because devices referenced it!")
            return _profile(before), _profile(after)

        try:
            return await self._database.run(work)
        except IntegrityError:
            raise _taken() from None

    async def make_default(self, tenant_id: bytes, profile_id: bytes) -> None:
        """Make it the tenant's default profile, if it is there."""

        async def work(connection: AsyncConnection) -> None:
            if (await connection.execute(_with_id(profile_id))).first() is None:
                return  # the tenant keeps the default profile that it has
            unlike = and_(
                device_profiles.c.tenant_id == tenant_id,
                device_profiles.c.is_default != (device_profiles.c.id == profile_id),
            )
            change = update(device_profiles).where(unlike)
            await connection.execute(
                change.values(is_default=~device_profiles.c.is_default, version=device_profiles.c.version + 1)
            )

        await self._database.run(work)

    async def delete(self, profile_id: bytes) -> bool:
        """Remove the profile; False if it is not there.

        Raises INVALID_ARGUMENT if it is its tenant's default one or devices have it.
        """

        async def work(connection: AsyncConnection) -> bool:
            gone = delete(device_profiles).where(device_profiles.c.id == profile_id)
            row = (await connection.execute(gone.returning(device_profiles.c.is_default))).one_or_none()
            if row is not None and row.is_default:
                raise _refused("Deletion of Default Device Profile is prohibited!")
            return row is not None

        try:
            return await self._database.run(work)
        except IntegrityError:
            raise _refused("The device profile referenced by the devices cannot be deleted!") from None

    async def _one(self, condition: ColumnElement[bool]) -> DeviceProfile | None:
        query = select(device_profiles).where(condition)

        async def work(connection: AsyncConnection) -> DeviceProfile | None:
            row = (await connection.execute(query)).one_or_none()
            return _profile(row) if row is not None else None

        return await self._database.run(work)


def _with_id(profile_id: bytes) -> Select[*tuple[Any, ...]]:
    return select(device_profiles).where(device_profiles.c.id == profile_id)


async def _has_devices(connection: AsyncConnection, profile_id: bytes) -> bool:
    query = select(devices.c.id).where(devices.c.profile_id == profile_id).limit(1)
    return (await connection.execute(query)).first() is not None


def _row(profile: DeviceProfile) -> dict[str, Any]:
    row = asdict(profile)
    del row["details"]
    return row | _columns(profile.details)


def _columns(details: ProfileDetails) -> dict[str, Any]:
    columns = asdict(details)
    return columns | {name: columns[name] or None for name in _OPTIONAL_IDS}


def _profile(row: Row[*tuple[Any, ...]]) -> DeviceProfile:
    columns = row._mapping
    details = {name: columns[name] for name in _DETAILS}
    details |= {name: columns[name] or NO_ID for name in _OPTIONAL_IDS}
    return DeviceProfile(
        id=row.id,
        tenant_id=row.tenant_id,
        details=ProfileDetails(**details),
        create_unix_ms=row.create_unix_ms,
        version=row.version,
        is_default=row.is_default,
    )


def _taken() -> TrunklineError:
    return TrunklineError(
        ErrorReason.ERROR_REASON_ALREADY_EXISTS, "Device profile with such name already exists!", field="name"
    )


def _refused(message: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)


def _tenant_gone() -> TrunklineError:
    return _refused("Device is referencing to non-existent tenant!")
