"""Customers: what a body says of one, and what is answered."""

from typing import Any, Self

from trunkline.facade.schemas.base import (
    EntityId,
    Version,
    asked_version,
    changed,
    entity,
    json_text,
    json_value,
    named,
    unix_ms,
)
from trunkline.facade.schemas.contacts import Contact, contact_fields
from trunkline.v1 import identity_pb2 as identity_pb
from trunkline.v1.identity_service_pb2 import CreateCustomerRequest, UpdateCustomerRequest


class CustomerBody(Contact):
    """A customer to create, or with an id to change; what is only read is ignored."""

    id: EntityId | None = None
    created_time: int | None = None
    tenant_id: EntityId | None = None
    external_id: EntityId | None = None
    title: str | None = None
    version: Version = None
    additional_info: Any = None

    def creation(self) -> CreateCustomerRequest:
        """What the core is asked for if there is no id. Raises TrunklineError (INVALID_ARGUMENT)."""
        return CreateCustomerRequest(customer=self._customer())

    def update(self) -> UpdateCustomerRequest:
        """What the core is asked for if there is an id. Raises TrunklineError (INVALID_ARGUMENT)."""
        customer = self._customer()
        customer.id = changed(self.id, "CUSTOMER")
        return UpdateCustomerRequest(customer=customer, version=asked_version(self.version))

    def _customer(self) -> identity_pb.Customer:
        named(self.tenant_id, "TENANT")
        named(self.external_id, "CUSTOMER")
        return identity_pb.Customer(
            title=self.title or "", contact=self.contact(), additional_info=json_text(self.additional_info)
        )


class Customer(Contact):
    """A customer."""

    id: EntityId
    created_time: int
    tenant_id: EntityId
    title: str
    name: str
    external_id: None = None
    version: int
    additional_info: Any

    @classmethod
    def of(cls, customer: identity_pb.Customer) -> Self:
        """The customer as ThingsBoard's clients expect it."""
        return cls(
            id=EntityId(entity_type="CUSTOMER", id=customer.id),
            created_time=unix_ms(customer.create_time),
            tenant_id=entity("TENANT", customer.tenant_id),
            title=customer.title,
            name=customer.title,
            version=customer.version,
            additional_info=json_value(customer.additional_info),
            **contact_fields(customer.contact),
        )
