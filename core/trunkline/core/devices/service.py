"""Creating, reading, changing and deleting devices and their credentials."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, new_id
from trunkline.core.clock import unix_ms
from trunkline.core.devices.credentials import ACCESS_TOKEN, NewCredentials, checked, generated_token
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import EVERY_DEVICE, Device, DeviceCredentials, DeviceDetails, DeviceFilter
from trunkline.core.devices.names import NameConflict
from trunkline.core.devices.permissions import (
    customer_not_found,
    device_not_found,
    may_administer,
    may_change,
    may_read,
)
from trunkline.core.devices.validation import checked_details
from trunkline.core.identity.principal import Principal
from trunkline.core.presence.scope import scope_of
from trunkline.core.store.devices import Changed, DeviceRows
from trunkline.core.store.pages import Page, Paged
from trunkline.core.tasks import uncancelled
from trunkline.core.validation import invalid
from trunkline.v1.error_pb2 import ErrorReason

Listener = Callable[[bytes], None]
"""Called with the id of a device whose change is committed."""


async def _nothing_pending() -> None:
    """For installations that keep no presence."""


class Devices:
    """Devices for those who may see them. `now_ms` is the wall clock in milliseconds.

    `settle` writes what is known of the devices' presence and not yet in the store; it is awaited before presence is
    read. Raises PERMISSION_DENIED and DEVICE_NOT_FOUND as `permissions` says, and STORE_UNAVAILABLE.
    """

    def __init__(
        self,
        rows: DeviceRows,
        directory: Directory,
        now_ms: Callable[[], int] = unix_ms,
        settle: Callable[[], Awaitable[None]] = _nothing_pending,
    ) -> None:
        self._rows = rows
        self._directory = directory
        self._now_ms = now_ms
        self._settle = settle
        self._deleted: list[Listener] = []
        self._credentials_changed: list[Listener] = []
        self._reassigned: list[Listener] = []
        self._moved: list[Listener] = []

    def on_deleted(self, listener: Listener) -> None:
        """Tell `listener` of every device that is deleted from now on."""
        self._deleted.append(listener)

    def on_credentials_changed(self, listener: Listener) -> None:
        """Tell `listener` of every device that must show other credentials from now on."""
        self._credentials_changed.append(listener)

    def on_reassigned(self, listener: Listener) -> None:
        """Tell `listener` of every device that gets another customer, or none, from now on."""
        self._reassigned.append(listener)

    def on_moved(self, listener: Listener) -> None:
        """Tell `listener` of every device that gets another profile from now on."""
        self._moved.append(listener)

    async def create(
        self,
        principal: Principal,
        details: DeviceDetails,
        credentials: NewCredentials | None = None,
        conflict: NameConflict | None = None,
    ) -> Device:
        """The new device of the principal's tenant; it shows a generated access token unless credentials are given.

        With `conflict` a name that is taken is made another one. Raises INVALID_ARGUMENT (a field is missing, too
        long, or names something that is not there) and ALREADY_EXISTS (name or credentials taken).
        """
        may_administer(principal)
        details = checked_details(details)
        shown = checked(credentials or NewCredentials(ACCESS_TOKEN, generated_token()))
        device = Device(
            id=new_id(),
            tenant_id=principal.tenant_id,
            customer_id=details.customer_id,
            profile_id=details.profile_id,
            name=details.name,
            type=details.type,
            label=details.label,
            create_unix_ms=self._now_ms(),
            version=1,
            additional_info=details.additional_info,
        )
        stored = DeviceCredentials(
            id=new_id(),
            device_id=device.id,
            type=shown.type,
            credentials_id=shown.credentials_id,
            credentials_value=shown.credentials_value,
            create_unix_ms=device.create_unix_ms,
            version=1,
        )
        return await self._rows.add(device, stored, conflict)

    async def get(self, principal: Principal, device_id: bytes) -> Device:
        """The device with this id."""
        await self._settle()
        return may_read(principal, await self._rows.find(device_id), device_id)

    async def get_by_name(self, principal: Principal, name: str) -> Device:
        """The tenant's device with this name; only its administrators may ask so."""
        may_administer(principal)
        await self._settle()
        device = await self._rows.find_by_name(principal.tenant_id, name) if "\x00" not in name else None
        if device is None:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND, "Requested item wasn't found!", device_name=name
            )
        return device

    async def page(self, principal: Principal, page: Page, only: DeviceFilter = EVERY_DEVICE) -> Paged[Device]:
        """One page of the devices that the principal may see and that pass the filter.

        Raises INVALID_ARGUMENT for a page that cannot be, NOT_FOUND for a customer that the principal may not see.
        """
        scope = scope_of(principal)
        if scope.customer_id:
            if only.customer_id not in (NO_ID, scope.customer_id):
                raise customer_not_found(only.customer_id)
            only = replace(only, customer_id=scope.customer_id)
        await self._settle()
        return await self._rows.page(scope.tenant_id, only, page)

    async def types(self, principal: Principal) -> Sequence[str]:
        """The types, in order, of the devices that the principal may see."""
        scope = scope_of(principal)
        return await self._rows.types(scope.tenant_id, scope.customer_id)

    @uncancelled
    async def update(
        self,
        principal: Principal,
        device_id: bytes,
        details: DeviceDetails,
        version: int = 0,
        credentials: NewCredentials | None = None,
    ) -> Device:
        """The device as it now is; `version` is that of the device that was read, 0: any.

        With `credentials` it shows these from now on, and its sessions end: both are changed or neither. A customer's
        user may change the customer's devices, but give them to nobody else, and no credentials. Raises what `create`
        does, and VERSION_CONFLICT.
        """
        if credentials is not None:
            may_administer(principal)
        details = checked_details(details)
        changed = await self._rows.change(
            device_id,
            details,
            lambda device: may_change(principal, device, device_id, details.customer_id),
            version=version,
            now_unix_ms=self._now_ms(),
            credentials=checked(credentials) if credentials is not None else None,
        )
        device = self._told(changed)
        if credentials is not None:
            for listener in self._credentials_changed:
                listener(device_id)
        return device

    @uncancelled
    async def assign(self, principal: Principal, device_id: bytes, customer_id: bytes) -> Device:
        """The device as this customer's, whoever had it. Raises NOT_FOUND for an unknown customer."""
        may_administer(principal)
        changed = await self._rows.assign(device_id, customer_id, lambda device: may_read(principal, device, device_id))
        return self._told(changed)

    @uncancelled
    async def make_public(self, principal: Principal, device_id: bytes) -> Device:
        """The device as the tenant's public customer's, whose devices everybody may use."""
        may_administer(principal)
        changed = await self._rows.make_public(
            device_id, lambda device: may_read(principal, device, device_id), self._now_ms()
        )
        return self._told(changed)

    @uncancelled
    async def unassign(self, principal: Principal, device_id: bytes) -> Device:
        """The device as nobody's. Raises INVALID_ARGUMENT if it is that already."""
        may_administer(principal)

        def allowed(device: Device | None) -> Device:
            seen = may_read(principal, device, device_id)
            if not seen.customer_id:
                invalid("Device isn't assigned to any customer!", "device_id")
            return seen

        return self._told(await self._rows.assign(device_id, NO_ID, allowed))

    @uncancelled
    async def delete(self, principal: Principal, device_id: bytes) -> None:
        """Remove the device; its sessions and calls end."""
        may_administer(principal)
        may_read(principal, await self._rows.find(device_id), device_id)
        if not await self._rows.delete(device_id):  # somebody else was quicker
            raise device_not_found(device_id)
        self._directory.forget(device_id)
        for listener in self._deleted:
            listener(device_id)

    async def credentials(self, principal: Principal, device_id: bytes) -> DeviceCredentials:
        """What the device shows when it connects."""
        may_read(principal, await self._rows.find(device_id), device_id)
        credentials = await self._rows.find_credentials(device_id)
        if credentials is None:  # deleted since it was read
            raise device_not_found(device_id)
        return credentials

    @uncancelled
    async def replace_credentials(
        self,
        principal: Principal,
        device_id: bytes,
        credentials_id: bytes,
        new: NewCredentials,
        version: int = 0,
    ) -> DeviceCredentials:
        """Have the device show something else; its sessions end, even if it is the same.

        `credentials_id` is the id of what the device showed, `version` that of it as it was read, 0: any. Raises
        INVALID_ARGUMENT (the device has no such credentials, or the new ones cannot be), ALREADY_EXISTS (another device
        has them) and VERSION_CONFLICT.
        """
        may_administer(principal)
        before = await self.credentials(principal, device_id)
        shown = checked(new)
        if not credentials_id:
            invalid("Credentials for this device are already specified!", "id")
        if credentials_id != before.id:
            invalid("Unable to update non-existent device credentials!", "id")
        after = await self._rows.change_credentials(
            replace(
                before,
                type=shown.type,
                credentials_id=shown.credentials_id,
                credentials_value=shown.credentials_value,
            ),
            version,
        )
        if after is None:  # deleted since it was read
            raise device_not_found(device_id)
        self._directory.forget(device_id)
        for listener in self._credentials_changed:
            listener(device_id)
        return after

    def _told(self, changed: Changed) -> Device:
        """The device, now that everybody knows of its change."""
        self._directory.forget(changed.device.id)
        reassigned = self._reassigned if changed.reassigned else ()
        moved = self._moved if changed.moved else ()
        for listener in (*reassigned, *moved):
            listener(changed.device.id)
        return changed.device
