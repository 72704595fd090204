"""Creating, reading, changing, switching off and deleting users."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from trunkline.contract.ids import NO_ID, new_id, to_text
from trunkline.contract.logs import get_logger
from trunkline.core.identity.activation import new_activation
from trunkline.core.identity.model import User, UserDetails
from trunkline.core.identity.permissions import (
    deny,
    may_create_user,
    not_found,
    only,
    visible_customer,
    visible_tenant,
    visible_user,
)
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.validation import check_email, check_texts
from trunkline.core.store.customers import CustomerRows
from trunkline.core.store.pages import Page, Paged
from trunkline.core.store.tenants import TenantRows
from trunkline.core.store.users import UserRows
from trunkline.core.tasks import uncancelled
from trunkline.core.validation import invalid, stored_json
from trunkline.v1.rpc_service_pb2 import Role

log = get_logger(__name__)

_SYS_ADMIN: Final = Role.ROLE_SYS_ADMIN
_TENANT_ADMIN: Final = Role.ROLE_TENANT_ADMIN
_CUSTOMER_USER: Final = Role.ROLE_CUSTOMER_USER

_PLACE: Final = {"role": "authority", "tenant_id": "tenant id", "customer_id": "customer id"}
"""What stays as it is for a user's life, and what ThingsBoard calls it."""


class Users:
    """Users for those who may see them. `now_s` is the wall clock in seconds.

    Raises PERMISSION_DENIED and NOT_FOUND as `permissions` says, and STORE_UNAVAILABLE.
    """

    def __init__(
        self,
        rows: UserRows,
        *,
        customers: CustomerRows,
        tenants: TenantRows,
        revocations: Revocations,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._rows = rows
        self._customers = customers
        self._tenants = tenants
        self._revocations = revocations
        self._now_s = now_s

    async def create(self, principal: Principal, details: UserDetails) -> User:
        """The new user, who cannot log in before the activation token was used to set a password.

        A tenant's administrator adds users of the own tenant, whatever the details say. Raises INVALID_ARGUMENT (a text
        is missing, too long or no e-mail address; role, tenant and customer do not fit) and ALREADY_EXISTS (e-mail).
        """
        may_create_user(principal, details.role)
        _check(details)
        tenant_id = details.tenant_id if principal.role == _SYS_ADMIN else principal.tenant_id
        await self._check_place(details, tenant_id)
        user = User(
            id=new_id(),
            tenant_id=tenant_id,
            customer_id=details.customer_id,
            email=details.email,
            role=details.role,
            create_unix_ms=self._now_ms(),
            first_name=details.first_name,
            last_name=details.last_name,
            phone=details.phone,
            enabled=False,
            activated=False,
            additional_info=stored_json(details.additional_info),
        )
        await self._rows.add(user, activation=new_activation(user.create_unix_ms))
        return user

    async def get(self, principal: Principal, user_id: bytes) -> User:
        """The user with this id."""
        return visible_user(principal, await self._rows.find(user_id), user_id)

    async def update(self, principal: Principal, user_id: bytes, details: UserDetails, version: int = 0) -> User:
        """The user as it now is; `version` is that of the user that was read, 0: any.

        Role, tenant and customer stay: the details say nothing of them, or what they are. A customer's user changes
        only itself. Raises what `create` does, and VERSION_CONFLICT.
        """
        user = await self.get(principal, user_id)
        if principal.role == _CUSTOMER_USER and user_id != principal.user_id:
            deny()
        _check(details)
        for field, name in _PLACE.items():
            said = getattr(details, field)
            if said and said != getattr(user, field):
                invalid(f"Can't update user {name}!", field)
        values = asdict(details) | {"additional_info": stored_json(details.additional_info)}
        changed = await self._rows.change(
            user_id, {field: value for field, value in values.items() if field not in _PLACE}, version
        )
        if changed is None:  # deleted since it was read
            raise not_found("User", user_id)
        return changed

    @uncancelled
    async def delete(self, principal: Principal, user_id: bytes) -> None:
        """Remove the user, whose tokens end at once."""
        only(principal, _SYS_ADMIN, _TENANT_ADMIN)
        user = await self.get(principal, user_id)
        if user.role == _SYS_ADMIN and user.id == principal.user_id:
            deny("Sysadmin is not allowed to delete himself")  # nobody could make another
        revocations = await self._rows.delete(user_id, self._now_ms())
        if not revocations:  # somebody else was quicker
            raise not_found("User", user_id)
        self._revocations.take(revocations)
        log.info("user_deleted", user_id=to_text(user_id), by=to_text(principal.user_id))

    @uncancelled
    async def set_enabled(self, principal: Principal, user_id: bytes, enabled: bool) -> None:
        """Let the user log in, or not; disabled, the user's tokens end at once, and so does an activation token.

        Raises INVALID_ARGUMENT for a user without a password, who cannot be let in.
        """
        only(principal, _SYS_ADMIN, _TENANT_ADMIN)
        await self.get(principal, user_id)
        if not enabled:
            await self._rows.disable(user_id)
            await self._revocations.revoke_user(user_id, self._now_ms() + 1)  # this millisecond's tokens, too
        elif not await self._rows.enable(user_id):
            invalid("Enabled user credentials should have password!", "enabled")
        event = "user_enabled" if enabled else "user_disabled"
        log.info(event, user_id=to_text(user_id), by=to_text(principal.user_id))

    async def page(
        self, principal: Principal, page: Page, *, tenant_id: bytes = NO_ID, customer_id: bytes = NO_ID
    ) -> Paged[User]:
        """One page of the users that the principal sees.

        A system administrator names the tenant whose administrators it wants. A tenant's administrator gets all users
        of the tenant, or those of a customer; a customer's user those of its customer. Raises INVALID_ARGUMENT for a
        page that cannot be.
        """
        if tenant_id and customer_id:
            invalid("Either tenant_id or customer_id, not both", "customer_id")
        if principal.role == _SYS_ADMIN:
            if not tenant_id:
                deny()
            visible_tenant(principal, await self._tenants.find(tenant_id), tenant_id)
            return await self._rows.page(page, tenant_id=tenant_id, role=_TENANT_ADMIN)
        if tenant_id:
            deny()
        if customer_id:
            visible_customer(principal, await self._customers.find(customer_id), customer_id)
        elif principal.role == _CUSTOMER_USER:
            customer_id = principal.customer_id
        return await self._rows.page(page, tenant_id=principal.tenant_id, customer_id=customer_id)

    async def _check_place(self, details: UserDetails, tenant_id: bytes) -> None:
        """Raise INVALID_ARGUMENT unless somebody in this role can be of this tenant and customer."""
        customer_id = details.customer_id
        if details.role not in (_SYS_ADMIN, _TENANT_ADMIN, _CUSTOMER_USER):
            invalid("User authority isn't defined!", "role")
        if details.role == _SYS_ADMIN and (tenant_id or customer_id):
            invalid("System administrator can't be assigned neither to tenant nor to customer!", "tenant_id")
        if details.role == _TENANT_ADMIN and not tenant_id:
            invalid("Tenant administrator should be assigned to tenant!", "tenant_id")
        if details.role == _TENANT_ADMIN and customer_id:
            invalid("Tenant administrator can't be assigned to customer!", "customer_id")
        if details.role == _CUSTOMER_USER and not customer_id:
            invalid("Customer user should be assigned to customer!", "customer_id")
        if tenant_id and await self._tenants.find(tenant_id) is None:
            invalid("User is referencing to non-existent tenant!", "tenant_id")
        if customer_id:
            customer = await self._customers.find(customer_id)
            if customer is None:
                invalid("User is referencing to non-existent customer!", "customer_id")
            if customer.tenant_id != tenant_id:
                invalid("User can't be assigned to customer from different tenant!", "customer_id")

    def _now_ms(self) -> int:
        return int(self._now_s() * 1000)


def _check(details: UserDetails) -> None:
    check_texts(first_name=details.first_name, last_name=details.last_name, phone=details.phone)
    if not details.email:
        invalid("User email should be specified!", "email")
    check_email(details.email)
