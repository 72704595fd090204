"""Device profiles as rows."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.core.profiles.model import DEFAULT_PROFILE, DeviceProfile, new_profile
from trunkline.core.store.database import Database
from trunkline.core.store.tables import device_profiles
from trunkline.v1.error_pb2 import ErrorReason


class ProfileRows:
    """The table of device profiles. What is static works in a transaction of another entity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    async def add_default(connection: AsyncConnection, tenant_id: bytes, now_unix_ms: int) -> None:
        """Give a new tenant its default profile."""
        profile = new_profile(tenant_id, DEFAULT_PROFILE, now_unix_ms, is_default=True)
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
                raise _invalid("Device is referencing non existing device profile!")
            return row.id, row.name
        if not type_name:
            row = (await connection.execute(of_tenant.where(device_profiles.c.is_default))).one()
            return row.id, row.name
        if not type_name.strip():
            raise _invalid("Device profile name should be specified!")
        named = of_tenant.where(device_profiles.c.name == type_name)
        row = (await connection.execute(named)).one_or_none()
        if row is not None:
            return row.id, row.name
        profile = new_profile(tenant_id, type_name, now_unix_ms)
        try:
            async with connection.begin_nested():
                await connection.execute(insert(device_profiles).values(_row(profile)))
        except IntegrityError:  # another device of the new type was quicker
            row = (await connection.execute(named)).one()
            return row.id, row.name
        return profile.id, type_name


def _row(profile: DeviceProfile) -> dict[str, Any]:
    return asdict(profile) | {
        "default_rule_chain_id": profile.default_rule_chain_id or None,
        "default_dashboard_id": profile.default_dashboard_id or None,
    }


def _invalid(message: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)
