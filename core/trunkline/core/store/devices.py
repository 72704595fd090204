"""Devices and their credentials as rows."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sqlalchemy import Executable, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import to_text
from trunkline.core.devices.credentials import NewCredentials
from trunkline.core.devices.model import (
    Device,
    DeviceCredentials,
    DeviceDetails,
    DeviceEntry,
    DeviceFilter,
    KnownCredentials,
)
from trunkline.core.devices.names import NameConflict, free_name
from trunkline.core.devices.permissions import customer_not_found
from trunkline.core.store.customers import CustomerRows
from trunkline.core.store.database import Database, parts
from trunkline.core.store.device_queries import (
    DEVICES,
    ENTRIES,
    credentials_of,
    device_of,
    entry_of,
    filtered,
    known_of,
    sortable,
)
from trunkline.core.store.pages import Page, Paged, paged
from trunkline.core.store.profiles import ProfileRows
from trunkline.core.store.tables import customers, device_credentials, device_profiles, devices
from trunkline.core.store.texts import holds
from trunkline.core.store.versions import change_row
from trunkline.core.validation import check_text
from trunkline.v1.error_pb2 import ErrorReason

T = TypeVar("T")

Allowed = Callable[[Device | None], Device]
"""The device as it is within the transaction, None if it is not there; raises if its caller may not do that to it."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change made of a device."""

    device: Device
    reassigned: bool
    """It has another customer than before."""
    moved: bool
    """It has another profile than before."""


class DeviceRows:
    """The tables of devices. A device that was heard of after `active_since`, in Unix milliseconds, is active."""

    def __init__(self, database: Database, active_since: Callable[[], int]) -> None:
        self._database = database
        self._active_since = active_since

    async def entries(self, device_ids: Collection[bytes]) -> list[DeviceEntry]:
        """The short forms of those of the devices that exist."""

        async def work(connection: AsyncConnection) -> list[DeviceEntry]:
            return [
                entry_of(row)
                for part in parts(device_ids)
                for row in await connection.execute(ENTRIES.where(devices.c.id.in_(part)))
            ]

        return await self._database.run(work)

    async def entries_by_credentials(self, credentials_ids: Collection[str]) -> dict[str, KnownCredentials]:
        """The credentials that some device has, by their id, and the device."""

        async def work(connection: AsyncConnection) -> dict[str, KnownCredentials]:
            return {
                row.credentials_id: known_of(row)
                for part in parts(credentials_ids)
                for row in await connection.execute(ENTRIES.where(device_credentials.c.credentials_id.in_(part)))
            }

        return await self._database.run(work) if credentials_ids else {}

    async def find(self, device_id: bytes) -> Device | None:
        """The device with this id."""
        return await self._one(DEVICES.where(devices.c.id == device_id), self._device)

    async def find_by_name(self, tenant_id: bytes, name: str) -> Device | None:
        """The tenant's device with this name."""
        return await self._one(DEVICES.where(devices.c.tenant_id == tenant_id, devices.c.name == name), self._device)

    async def page(self, tenant_id: bytes, only: DeviceFilter, page: Page) -> Paged[Device]:
        """One page of those of the tenant's devices that pass the filter.

        Raises INVALID_ARGUMENT for a page that cannot be, and NOT_FOUND if the tenant has no such customer.
        """
        active_since = self._active_since()
        query = filtered(DEVICES.where(devices.c.tenant_id == tenant_id), only, active_since)

        async def work(connection: AsyncConnection) -> Paged[Row[*tuple[Any, ...]]]:
            if only.customer_id and not await _is_customer(connection, tenant_id, only.customer_id):
                raise customer_not_found(only.customer_id)
            return await paged(
                connection,
                query,
                page,
                sortable=sortable(active_since),
                search=holds(devices.c.name),
                id_column=devices.c.id,
            )

        rows = await self._database.run(work)
        return await rows.mapped(lambda row: device_of(row, active_since))

    async def types(self, tenant_id: bytes, customer_id: bytes) -> list[str]:
        """The types, in order, that the tenant's devices have, or those of one customer."""
        query = select(device_profiles.c.name).distinct().join(devices).where(devices.c.tenant_id == tenant_id)
        if customer_id:
            query = query.where(devices.c.customer_id == customer_id)

        async def work(connection: AsyncConnection) -> list[str]:
            return sorted(await connection.scalars(query))

        return await self._database.run(work)

    async def add(self, device: Device, credentials: DeviceCredentials, conflict: NameConflict | None = None) -> Device:
        """Store a new device and its credentials, both or neither; the device as stored.

        `profile_id` goes before `type`; an unknown type becomes a new profile, and without both the tenant's default
        profile is taken. With `conflict` a name that is taken is made another one. Raises ALREADY_EXISTS if the name or
        the credentials are taken, INVALID_ARGUMENT if the tenant has no such profile or customer.
        """

        async def work(connection: AsyncConnection) -> Device:
            name = await _free_name(connection, device, conflict) if conflict else device.name
            profile_id, _ = await ProfileRows.resolve(
                connection, device.tenant_id, device.profile_id, device.type, device.create_unix_ms
            )
            row = {
                "id": device.id,
                "tenant_id": device.tenant_id,
                "customer_id": await _customer_of(connection, device.tenant_id, device.customer_id),
                "profile_id": profile_id,
                "name": name,
                "label": device.label,
                "create_unix_ms": device.create_unix_ms,
                "version": device.version,
                "additional_info": device.additional_info,
            }
            await connection.execute(insert(devices).values(row))
            await connection.execute(insert(device_credentials).values(asdict(credentials)))
            return await self._stored(connection, device.id)

        try:
            return await self._database.run(work)
        except IntegrityError:
            if conflict is None and await self.find_by_name(device.tenant_id, device.name) is not None:
                raise _taken("Device with such name already exists!") from None
            raise _credentials_taken() from None

    async def change(
        self,
        device_id: bytes,
        details: DeviceDetails,
        allowed: Allowed,
        *,
        version: int,
        now_unix_ms: int,
        credentials: NewCredentials | None = None,
    ) -> Changed:
        """The device with its new details, and with new credentials if there are some: both or neither.

        `version` is the one that was read, 0: any. Raises what `allowed` does, VERSION_CONFLICT, ALREADY_EXISTS if the
        name or the credentials are taken, and INVALID_ARGUMENT if the tenant has no such profile or customer.
        """

        async def values(connection: AsyncConnection, device: Device) -> dict[str, Any]:
            if credentials is not None:
                await _show(connection, device.id, credentials)
            profile_id, _ = await ProfileRows.resolve(
                connection, device.tenant_id, details.profile_id, details.type, now_unix_ms
            )
            return {
                "name": details.name,
                "label": details.label,
                "additional_info": details.additional_info,
                "profile_id": profile_id,
                "customer_id": await _customer_of(connection, device.tenant_id, details.customer_id),
            }

        try:
            return await self._change(device_id, allowed, values, version)
        except IntegrityError:
            raise _taken("Device with such name already exists!") from None

    async def assign(self, device_id: bytes, customer_id: bytes, allowed: Allowed) -> Changed:
        """The device as this customer's; none: nobody's. Raises what `allowed` does, and NOT_FOUND if its tenant has
        no such customer."""

        async def values(connection: AsyncConnection, device: Device) -> dict[str, Any]:
            if customer_id and not await _is_customer(connection, device.tenant_id, customer_id):
                raise customer_not_found(customer_id)
            return {"customer_id": customer_id or None}

        return await self._change(device_id, allowed, values)

    async def make_public(self, device_id: bytes, allowed: Allowed, now_unix_ms: int) -> Changed:
        """The device as the tenant's public customer's, who is made if need be. Raises what `allowed` does."""

        async def values(connection: AsyncConnection, device: Device) -> dict[str, Any]:
            return {"customer_id": await CustomerRows.public(connection, device.tenant_id, now_unix_ms)}

        return await self._change(device_id, allowed, values)

    async def delete(self, device_id: bytes) -> bool:
        """Remove the device and its credentials; False if they are not there."""
        gone = delete(devices).where(devices.c.id == device_id).returning(devices.c.id)
        return await self._one(gone, lambda row: True) or False

    async def find_credentials(self, device_id: bytes) -> DeviceCredentials | None:
        """The device's credentials."""
        query = select(device_credentials).where(device_credentials.c.device_id == device_id)
        return await self._one(query, credentials_of)

    async def change_credentials(self, new: DeviceCredentials, version: int) -> DeviceCredentials | None:
        """The credentials as they now are: type, credentials_id and credentials_value are those of `new`. None if
        they are gone.

        `version` is the one that was read, 0: any. Raises VERSION_CONFLICT, and ALREADY_EXISTS if another device has
        them.
        """
        values = {"type": new.type, "credentials_id": new.credentials_id, "credentials_value": new.credentials_value}

        async def work(connection: AsyncConnection) -> DeviceCredentials | None:
            row = await change_row(connection, device_credentials, new.id, values, version=version, noun="Entity")
            return credentials_of(row) if row is not None else None

        try:
            return await self._database.run(work)
        except IntegrityError:
            raise _credentials_taken() from None

    async def _change(
        self,
        device_id: bytes,
        allowed: Allowed,
        values: Callable[[AsyncConnection, Device], Awaitable[dict[str, Any]]],
        version: int = 0,
    ) -> Changed:
        """What `values` makes of the device, in one transaction with the question whether that is allowed."""

        async def work(connection: AsyncConnection) -> Changed:
            await connection.execute(select(devices.c.id).where(devices.c.id == device_id).with_for_update())
            found = (await connection.execute(DEVICES.where(devices.c.id == device_id))).one_or_none()
            before = allowed(self._device(found) if found is not None else None)
            new = await values(connection, before)
            await change_row(connection, devices, device_id, new, version=version, noun="Device")
            after = await self._stored(connection, device_id)
            return Changed(
                after,
                reassigned=after.customer_id != before.customer_id,
                moved=after.profile_id != before.profile_id,
            )

        return await self._database.run(work)

    async def _stored(self, connection: AsyncConnection, device_id: bytes) -> Device:
        """The device as this transaction has left it."""
        return self._device((await connection.execute(DEVICES.where(devices.c.id == device_id))).one())

    def _device(self, row: Row[*tuple[Any, ...]]) -> Device:
        return device_of(row, self._active_since())

    async def _one(self, query: Executable, value: Callable[[Row[*tuple[Any, ...]]], T]) -> T | None:
        async def work(connection: AsyncConnection) -> T | None:
            row = (await connection.execute(query)).one_or_none()
            return value(row) if row is not None else None

        return await self._database.run(work)


async def _free_name(connection: AsyncConnection, device: Device, conflict: NameConflict) -> str:
    """The device's name, or one like it that the tenant has not given. Raises INVALID_ARGUMENT if it is too long."""
    query = select(devices.c.name).where(
        devices.c.tenant_id == device.tenant_id, devices.c.name.startswith(device.name, autoescape=True)
    )
    name = free_name(device.name, frozenset(await connection.scalars(query)), conflict)
    check_text("Device", "name", name)
    return name


async def _show(connection: AsyncConnection, device_id: bytes, shown: NewCredentials) -> None:
    """Replace the device's credentials, whatever they were. Raises ALREADY_EXISTS if another device has them."""
    change = update(device_credentials).where(device_credentials.c.device_id == device_id)
    try:
        await connection.execute(change.values(version=device_credentials.c.version + 1, **asdict(shown)))
    except IntegrityError:
        raise _credentials_taken() from None


async def _customer_of(connection: AsyncConnection, tenant_id: bytes, customer_id: bytes) -> bytes | None:
    """The customer as it is stored with a device. Raises INVALID_ARGUMENT if the tenant has no such customer."""
    if customer_id and not await _is_customer(connection, tenant_id, customer_id):
        raise TrunklineError(
            ErrorReason.ERROR_REASON_INVALID_ARGUMENT,
            "Can't assign device to non-existent customer!",
            customer_id=to_text(customer_id),
        )
    return customer_id or None


async def _is_customer(connection: AsyncConnection, tenant_id: bytes, customer_id: bytes) -> bool:
    query = select(customers.c.id).where(customers.c.id == customer_id, customers.c.tenant_id == tenant_id)
    return (await connection.execute(query)).first() is not None


def _taken(message: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_ALREADY_EXISTS, message)


def _credentials_taken() -> TrunklineError:
    return _taken("Device credentials are already assigned to another device!")
