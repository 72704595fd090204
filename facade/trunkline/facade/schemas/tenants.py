"""Tenants: what a body says of one, and what is answered."""

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
from trunkline.v1.identity_service_pb2 import CreateTenantRequest, UpdateTenantRequest


class TenantBody(Contact):
    """A tenant to create, or with an id to change; what is only read is ignored."""

    id: EntityId | None = None
    created_time: int | None = None
    tenant_profile_id: EntityId | None = None
    title: str | None = None
    region: str | None = None
    version: Version = None
    additional_info: Any = None

    def creation(self) -> CreateTenantRequest:
        """What the core is asked for if there is no id. Raises TrunklineError (INVALID_ARGUMENT)."""
        return CreateTenantRequest(tenant=self._tenant())

    def update(self) -> UpdateTenantRequest:
        """What the core is asked for if there is an id. Raises TrunklineError (INVALID_ARGUMENT)."""
        tenant = self._tenant()
        tenant.id = changed(self.id, "TENANT")
        return UpdateTenantRequest(tenant=tenant, version=asked_version(self.version))

    def _tenant(self) -> identity_pb.Tenant:
        named(self.tenant_profile_id, "TENANT_PROFILE")
        return identity_pb.Tenant(
            title=self.title or "",
            region=self.region or "",
            contact=self.contact(),
            additional_info=json_text(self.additional_info),
        )


class Tenant(Contact):
    """A tenant."""

    id: EntityId
    created_time: int
    title: str
    name: str
    region: str | None
    tenant_profile_id: EntityId
    version: int
    additional_info: Any

    @classmethod
    def of(cls, tenant: identity_pb.Tenant) -> Self:
        """The tenant as ThingsBoard's clients expect it; there are no tenant profiles here."""
        return cls(
            id=EntityId(entity_type="TENANT", id=tenant.id),
            created_time=unix_ms(tenant.create_time),
            title=tenant.title,
            name=tenant.title,
            region=tenant.region or None,
            tenant_profile_id=entity("TENANT_PROFILE", ""),
            version=tenant.version,
            additional_info=json_value(tenant.additional_info),
            **contact_fields(tenant.contact),
        )
