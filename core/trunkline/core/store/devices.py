"""Devices, their profiles and their credentials as rows."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, replace
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Executable, Row, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, new_id, to_text
from trunkline.core.devices.model import Device, DeviceCredentials, DeviceEntry
from trunkline.core.store.database import IN_LIMIT, Database
from trunkline.core.store.tables import customers, device_credentials, device_profiles, devices
from trunkline.v1.device_pb2 import CredentialsType
from trunkline.v1.error_pb2 import ErrorReason

T = TypeVar("T")

DEFAULT_PROFILE: Final = "default"
"""The name of every tenant's default device profile."""

_TOKEN_TAKEN: Final = "Device credentials are already assigned to another device!"

_DEVICES: Final[Select[*tuple[Any, ...]]] = select(devices, device_profiles.c.name.label("type")).join(device_profiles)

_ENTRIES: Final[Select[*tuple[Any, ...]]] = (
    select(
        devices.c.id,
        devices.c.tenant_id,
        devices.c.customer_id,
        devices.c.profile_id,
        devices.c.name,
        devices.c.additional_info,
        device_profiles.c.name.label("type"),
        device_profiles.c.version.label("profile_version"),
        device_credentials.c.version.label("credentials_version"),
        device_credentials.c.credentials_id,
    )
    .join(device_profiles, device_profiles.c.id == devices.c.profile_id)
    .join(device_credentials, device_credentials.c.device_id == devices.c.id)
)


class DeviceRows:
    """The tables of devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, device_ids: Collection[bytes]) -> list[DeviceEntry]:
        """The short forms of those of the devices that exist."""

        async def work(connection: AsyncConnection) -> list[DeviceEntry]:
            return [
                _entry(row)
                for part in _parts(device_ids)
                for row in await connection.execute(_ENTRIES.where(devices.c.id.in_(part)))
            ]

        return await self._database.run(work)

    async def entries_by_token(self, tokens: Collection[str]) -> dict[str, tuple[str, DeviceEntry]]:
        """For each access token that a device has: the token as it is stored, and the device."""
        of_type = _ENTRIES.where(device_credentials.c.type == CredentialsType.CREDENTIALS_TYPE_ACCESS_TOKEN)

        async def work(connection: AsyncConnection) -> dict[str, tuple[str, DeviceEntry]]:
            return {
                row.credentials_id: (row.credentials_id, _entry(row))
                for part in _parts(tokens)
                for row in await connection.execute(of_type.where(device_credentials.c.credentials_id.in_(part)))
            }

        return await self._database.run(work) if tokens else {}

    async def find(self, device_id: bytes) -> Device | None:
        """The device with this id."""
        return await self._one(_DEVICES.where(devices.c.id == device_id), _device)

    async def find_by_name(self, tenant_id: bytes, name: str) -> Device | None:
        """The tenant's device with this name."""
        return await self._one(_DEVICES.where(devices.c.tenant_id == tenant_id, devices.c.name == name), _device)

    async def find_credentials(self, device_id: bytes) -> DeviceCredentials | None:
        """The device's credentials."""
        query = select(device_credentials).where(device_credentials.c.device_id == device_id)
        return await self._one(query, _credentials)

    async def add(self, device: Device, credentials: DeviceCredentials) -> Device:
        """Store a new device and its credentials, both or neither; the device as stored.

        `profile_id` goes before `type`; an unknown type becomes a new profile, and without both the tenant's default
        profile is taken. Raises ALREADY_EXISTS if the name or the token is taken, INVALID_ARGUMENT if the tenant has no
        such profile or customer.
        """

        async def work(connection: AsyncConnection) -> Device:
            if device.customer_id:
                await _check_customer(connection, device)
            profile_id, type_name = await _profile_of(connection, device)
            stored = replace(device, profile_id=profile_id, type=type_name)
            row = asdict(stored) | {"customer_id": stored.customer_id or None}
            del row["type"]  # it is the profile's name
            await connection.execute(insert(devices).values(row))
            await connection.execute(insert(device_credentials).values(asdict(credentials)))
            return stored

        try:
            return await self._database.run(work)
        except IntegrityError:
            if await self.find_by_name(device.tenant_id, device.name) is not None:
                raise _taken("Device with such name already exists!") from None
            raise _taken(_TOKEN_TAKEN) from None

    async def replace_token(self, device_id: bytes, access_token: str) -> DeviceCredentials | None:
        """The credentials with their new token; None if the device is gone.

        Raises ALREADY_EXISTS if another device has the token.
        """
        change = (
            update(device_credentials)
            .where(device_credentials.c.device_id == device_id)
            .values(credentials_id=access_token, version=device_credentials.c.version + 1)
            .returning(device_credentials)
        )
        try:
            return await self._one(change, _credentials)
        except IntegrityError:
            raise _taken(_TOKEN_TAKEN) from None

    async def delete(self, device_id: bytes) -> None:
        """Remove the device and its credentials, if they are there."""
        gone = delete(devices).where(devices.c.id == device_id)
        await self._database.run(lambda connection: connection.execute(gone))

    async def _one(self, query: Executable, value: Callable[[Row[*tuple[Any, ...]]], T]) -> T | None:
        async def work(connection: AsyncConnection) -> T | None:
            row = (await connection.execute(query)).one_or_none()
            return value(row) if row is not None else None

        return await self._database.run(work)


async def _check_customer(connection: AsyncConnection, device: Device) -> None:
    query = select(customers.c.id).where(
        customers.c.id == device.customer_id, customers.c.tenant_id == device.tenant_id
    )
    if (await connection.execute(query)).first() is None:
        raise TrunklineError(
            ErrorReason.ERROR_REASON_INVALID_ARGUMENT, f"Customer with id [{to_text(device.customer_id)}] is not found"
        )


async def _profile_of(connection: AsyncConnection, device: Device) -> tuple[bytes, str]:
    """Id and name of the device profile that the new device gets, made if need be."""
    of_tenant = select(device_profiles.c.id, device_profiles.c.name).where(
        device_profiles.c.tenant_id == device.tenant_id
    )
    if device.profile_id:
        row = (await connection.execute(of_tenant.where(device_profiles.c.id == device.profile_id))).one_or_none()
        if row is None:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "Device is referencing non existing device profile!"
            )
        return row.id, row.name
    name = device.type or DEFAULT_PROFILE
    row = (await connection.execute(of_tenant.where(device_profiles.c.name == name))).one_or_none()
    if row is not None:
        return row.id, row.name
    profile_id = new_id()
    await connection.execute(
        insert(device_profiles).values(
            id=profile_id,
            tenant_id=device.tenant_id,
            name=name,
            is_default=name == DEFAULT_PROFILE,
            create_unix_ms=device.create_unix_ms,
            version=1,
        )
    )
    return profile_id, name


def _taken(message: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_ALREADY_EXISTS, message)


def _parts(values: Collection[T]) -> Iterator[list[T]]:
    """The values in lists short enough for one `IN`."""
    in_order = list(values)
    for start in range(0, len(in_order), IN_LIMIT):
        yield in_order[start : start + IN_LIMIT]


def _device(row: Row[*tuple[Any, ...]]) -> Device:
    return Device(
        id=row.id,
        tenant_id=row.tenant_id,
        customer_id=row.customer_id or NO_ID,
        profile_id=row.profile_id,
        name=row.name,
        type=row.type,
        label=row.label,
        create_unix_ms=row.create_unix_ms,
        version=row.version,
        additional_info=row.additional_info,
    )


def _credentials(row: Row[*tuple[Any, ...]]) -> DeviceCredentials:
    return DeviceCredentials(
        id=row.id,
        device_id=row.device_id,
        type=CredentialsType.ValueType(row.type),
        credentials_id=row.credentials_id,
        credentials_value=row.credentials_value,
        create_unix_ms=row.create_unix_ms,
        version=row.version,
    )


def _entry(row: Row[*tuple[Any, ...]]) -> DeviceEntry:
    return DeviceEntry(
        device_id=row.id,
        tenant_id=row.tenant_id,
        customer_id=row.customer_id or NO_ID,
        name=row.name,
        type=row.type,
        profile_id=row.profile_id,
        profile_version=row.profile_version,
        credentials_version=row.credentials_version,
        gateway=_is_gateway(row.additional_info),
    )


def _is_gateway(additional_info: bytes) -> bool:
    """ThingsBoard marks a gateway by `"gateway": true` in the device's additional info."""
    if not additional_info:
        return False
    info = msgspec.json.decode(additional_info)
    return isinstance(info, dict) and info.get("gateway") is True
