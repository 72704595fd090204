"""Creating, reading, changing and deleting tenants."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from trunkline.contract.ids import new_id, to_text
from trunkline.contract.logs import get_logger
from trunkline.core.clock import unix_ms
from trunkline.core.identity.model import DEFAULT_REGION, Tenant, TenantDetails
from trunkline.core.identity.permissions import not_found, only, visible_tenant
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.validation import check_contact, check_texts, check_title
from trunkline.core.store.pages import Page, Paged
from trunkline.core.store.tenants import TenantRows
from trunkline.core.tasks import uncancelled
from trunkline.core.validation import stored_json
from trunkline.v1.rpc_service_pb2 import Role

log = get_logger(__name__)

Listener = Callable[[list[bytes]], None]
"""Called with the ids of the devices that were deleted with a tenant."""

_SYS_ADMIN: Final = Role.ROLE_SYS_ADMIN


class Tenants:
    """Tenants for those who may see them. `now_ms` is the wall clock in milliseconds.

    Raises PERMISSION_DENIED and NOT_FOUND as `permissions` says, and STORE_UNAVAILABLE.
    """

    def __init__(self, rows: TenantRows, revocations: Revocations, now_ms: Callable[[], int] = unix_ms) -> None:
        self._rows = rows
        self._revocations = revocations
        self._now_ms = now_ms
        self._deleted: list[Listener] = []

    def on_deleted(self, listener: Listener) -> None:
        """Tell `listener` of every tenant that is deleted from now on."""
        self._deleted.append(listener)

    async def create(self, principal: Principal, details: TenantDetails) -> Tenant:
        """The new tenant, which has its default device profile and nobody in it.

        Raises INVALID_ARGUMENT (a text is missing, too long or no e-mail address). Titles need not be unique.
        """
        only(principal, _SYS_ADMIN)
        details = _checked(details)
        tenant = Tenant(
            id=new_id(),
            title=details.title,
            create_unix_ms=self._now_ms(),
            region=details.region,
            contact=details.contact,
            additional_info=details.additional_info,
        )
        await self._rows.add(tenant)
        return tenant

    async def get(self, principal: Principal, tenant_id: bytes) -> Tenant:
        """The tenant with this id."""
        return visible_tenant(principal, await self._rows.find(tenant_id), tenant_id)

    async def update(self, principal: Principal, tenant_id: bytes, details: TenantDetails, version: int = 0) -> Tenant:
        """The tenant as it now is; `version` is that of the tenant that was read, 0: any.

        Raises what `create` does, and VERSION_CONFLICT.
        """
        only(principal, _SYS_ADMIN)
        tenant = await self._rows.change(tenant_id, _checked(details), version)
        if tenant is None:
            raise not_found("Tenant", tenant_id)
        return tenant

    @uncancelled
    async def delete(self, principal: Principal, tenant_id: bytes) -> None:
        """Remove the tenant and all that it has; its users' tokens, and its devices' sessions and calls, end."""
        await self.get(principal, tenant_id)
        departure = await self._rows.delete(tenant_id, self._now_ms())
        if not departure.found:  # somebody else was quicker
            raise not_found("Tenant", tenant_id)
        self._revocations.take(departure.revocations)
        for listener in self._deleted:
            listener(departure.device_ids)
        log.info(
            "tenant_deleted",
            tenant_id=to_text(tenant_id),
            devices=len(departure.device_ids),
            by=to_text(principal.user_id),
        )

    async def page(self, principal: Principal, page: Page) -> Paged[Tenant]:
        """One page of all tenants. Raises INVALID_ARGUMENT for a page that cannot be."""
        only(principal, _SYS_ADMIN)
        return await self._rows.page(page)


def _checked(details: TenantDetails) -> TenantDetails:
    check_title("Tenant", details.title)
    check_texts(region=details.region)
    check_contact(details.contact)
    return replace(
        details, region=details.region or DEFAULT_REGION, additional_info=stored_json(details.additional_info)
    )
