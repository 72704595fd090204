"""Creating, reading, changing and deleting device profiles, with the texts that ThingsBoard's clients know."""

from collections.abc import Callable, Collection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.clock import unix_ms
from trunkline.core.identity.permissions import not_found, only
from trunkline.core.identity.principal import Principal
from trunkline.core.profiles.model import DeviceProfile, ProfileDetails
from trunkline.core.profiles.validation import checked_details
from trunkline.core.store.pages import Page, Paged
from trunkline.core.store.profiles import ProfileRows
from trunkline.core.tasks import uncancelled
from trunkline.core.validation import invalid
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

Listener = Callable[[DeviceProfile, DeviceProfile], None]
"""Called with a profile as it was, and as it is since its change is committed."""


class Profiles:
    """The device profiles of a tenant, for its administrators; `whole=False`: what its customers' users may see too.

    `now_ms` is the wall clock in milliseconds. Raises PERMISSION_DENIED, NOT_FOUND, also for a profile of another
    tenant, and STORE_UNAVAILABLE.
    """

    def __init__(self, rows: ProfileRows, now_ms: Callable[[], int] = unix_ms) -> None:
        self._rows = rows
        self._now_ms = now_ms
        self._changed: list[Listener] = []

    def on_changed(self, listener: Listener) -> None:
        """Tell `listener` of every profile whose details are changed from now on."""
        self._changed.append(listener)

    async def create(self, principal: Principal, details: ProfileDetails, *, is_default: bool = False) -> DeviceProfile:
        """The new profile. Raises INVALID_ARGUMENT, also for a second default one, and ALREADY_EXISTS."""
        only(principal, Role.ROLE_TENANT_ADMIN)
        details = checked_details(details)
        if is_default:
            _one_default()
        profile = DeviceProfile(new_id(), principal.tenant_id, details, self._now_ms())
        await self._rows.add(profile)
        return profile

    async def get(self, principal: Principal, profile_id: bytes, *, whole: bool = True) -> DeviceProfile:
        """The profile with this id."""
        _check_reader(principal, whole)
        profile = await self._rows.find(profile_id)
        if profile is None or profile.tenant_id != principal.tenant_id:
            raise not_found("Device profile", profile_id)
        return profile

    async def get_by_name(self, principal: Principal, name: str, *, whole: bool = True) -> DeviceProfile:
        """The profile with this name."""
        _check_reader(principal, whole)
        if "\x00" in name:  # PostgreSQL takes none in a text
            return _found(None, name)
        return _found(await self._rows.find_by_name(principal.tenant_id, name), name)

    async def default(self, principal: Principal, *, whole: bool = True) -> DeviceProfile:
        """The profile of devices without a type."""
        _check_reader(principal, whole)
        return _found(await self._rows.find_default(principal.tenant_id), "")

    async def page(
        self,
        principal: Principal,
        page: Page,
        *,
        transport_type: int = 0,
        ids: Collection[bytes] = (),
        whole: bool = True,
    ) -> Paged[DeviceProfile]:
        """One page; of one transport type and with some ids only, if that is asked. Raises INVALID_ARGUMENT."""
        _check_reader(principal, whole)
        return await self._rows.page(principal.tenant_id, page, transport_type=transport_type, ids=ids)

    @uncancelled
    async def update(
        self,
        principal: Principal,
        profile_id: bytes,
        details: ProfileDetails,
        *,
        version: int = 0,
        is_default: bool = False,
    ) -> DeviceProfile:
        """The profile with other details. `version` is the one that was read, 0: any.

        Raises INVALID_ARGUMENT, also for a second default profile and for another transport type while devices have
        this profile, ALREADY_EXISTS and VERSION_CONFLICT.
        """
        before = await self.get(principal, profile_id)
        details = checked_details(details)
        if is_default and not before.is_default:
            _one_default()
        changed = await self._rows.change(profile_id, details, version)
        if changed is None:
            raise not_found("Device profile", profile_id)
        for listener in self._changed:
            listener(*changed)
        return changed[1]

    async def make_default(self, principal: Principal, profile_id: bytes) -> DeviceProfile:
        """Give this profile to devices without a type from now on; the profile."""
        await self.get(principal, profile_id)
        await self._rows.make_default(principal.tenant_id, profile_id)
        return await self.get(principal, profile_id)

    async def delete(self, principal: Principal, profile_id: bytes) -> None:
        """Remove the profile. Raises INVALID_ARGUMENT if it is the default one or devices have it."""
        await self.get(principal, profile_id)
        if not await self._rows.delete(profile_id):
            raise not_found("Device profile", profile_id)


def _check_reader(principal: Principal, whole: bool) -> None:
    if whole:
        only(principal, Role.ROLE_TENANT_ADMIN)
    else:
        only(principal, Role.ROLE_TENANT_ADMIN, Role.ROLE_CUSTOMER_USER)


def _found(profile: DeviceProfile | None, name: str) -> DeviceProfile:
    if profile is None:
        raise TrunklineError(ErrorReason.ERROR_REASON_NOT_FOUND, "Requested item wasn't found!", name=name)
    return profile


def _one_default() -> None:
    invalid("Another default device profile is present in scope of current tenant!", "is_default")
