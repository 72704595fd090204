"""Creating, reading, changing and deleting customers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.contract.logs import get_logger
from trunkline.core.clock import unix_ms
from trunkline.core.identity.model import PUBLIC_TITLE, Customer, CustomerDetails
from trunkline.core.identity.permissions import not_found, only, visible_customer
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.validation import check_contact, check_title
from trunkline.core.store.customers import CustomerRows
from trunkline.core.store.pages import Page, Paged
from trunkline.core.tasks import uncancelled
from trunkline.core.validation import invalid, stored_json
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

log = get_logger(__name__)

Listener = Callable[[list[bytes]], None]
"""Called with the ids of the devices that a deleted customer had."""

_TENANT_ADMIN: Final = Role.ROLE_TENANT_ADMIN


class Customers:
    """Customers for those who may see them. `now_ms` is the wall clock in milliseconds.

    Raises PERMISSION_DENIED and NOT_FOUND as `permissions` says, and STORE_UNAVAILABLE.
    """

    def __init__(self, rows: CustomerRows, revocations: Revocations, now_ms: Callable[[], int] = unix_ms) -> None:
        self._rows = rows
        self._revocations = revocations
        self._now_ms = now_ms
        self._deleted: list[Listener] = []

    def on_deleted(self, listener: Listener) -> None:
        """Tell `listener` of every customer that is deleted from now on."""
        self._deleted.append(listener)

    async def create(self, principal: Principal, details: CustomerDetails) -> Customer:
        """The new customer of the principal's tenant.

        Raises INVALID_ARGUMENT (a text is missing, too long or no e-mail address, or the title is reserved) and
        ALREADY_EXISTS (the tenant has one with this title).
        """
        only(principal, _TENANT_ADMIN)
        details = _checked(details)
        customer = Customer(
            id=new_id(),
            tenant_id=principal.tenant_id,
            title=details.title,
            create_unix_ms=self._now_ms(),
            contact=details.contact,
            additional_info=details.additional_info,
        )
        await self._rows.add(customer)
        return customer

    async def get(self, principal: Principal, customer_id: bytes) -> Customer:
        """The customer with this id."""
        return visible_customer(principal, await self._rows.find(customer_id), customer_id)

    async def get_by_title(self, principal: Principal, title: str) -> Customer:
        """The tenant's customer with this title; only its administrators may ask so."""
        only(principal, _TENANT_ADMIN)
        customer = await self._rows.find_by_title(principal.tenant_id, title)
        if customer is None:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_NOT_FOUND, f"Customer with title [{title}] is not found", title=title
            )
        return customer

    async def update(
        self, principal: Principal, customer_id: bytes, details: CustomerDetails, version: int = 0
    ) -> Customer:
        """The customer as it now is; `version` is that of the customer that was read, 0: any.

        Raises what `create` does, and VERSION_CONFLICT.
        """
        only(principal, _TENANT_ADMIN)
        details = _checked(details)
        await self.get(principal, customer_id)
        customer = await self._rows.change(customer_id, details, version)
        if customer is None:  # deleted since it was read
            raise not_found("Customer", customer_id)
        return customer

    @uncancelled
    async def delete(self, principal: Principal, customer_id: bytes) -> None:
        """Remove the customer and its users, whose tokens end; its devices become unassigned."""
        only(principal, _TENANT_ADMIN)
        await self.get(principal, customer_id)
        departure = await self._rows.delete(customer_id, self._now_ms())
        if not departure.found:  # somebody else was quicker
            raise not_found("Customer", customer_id)
        self._revocations.take(departure.revocations)
        for listener in self._deleted:
            listener(departure.device_ids)
        log.info(
            "customer_deleted",
            customer_id=to_text(customer_id),
            devices=len(departure.device_ids),
            by=to_text(principal.user_id),
        )

    async def page(self, principal: Principal, page: Page) -> Paged[Customer]:
        """One page of the tenant's customers. Raises INVALID_ARGUMENT for a page that cannot be."""
        only(principal, _TENANT_ADMIN)
        return await self._rows.page(principal.tenant_id, page)


def _checked(details: CustomerDetails) -> CustomerDetails:
    check_title("Customer", details.title)
    if details.title == PUBLIC_TITLE:
        invalid(f"'{PUBLIC_TITLE}' title for customer is system reserved!", "title")
    check_contact(details.contact)
    return replace(details, additional_info=stored_json(details.additional_info))
