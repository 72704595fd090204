"""The columns by which a customer or a tenant can be reached. They have the names of a Contact's fields."""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row

from trunkline.core.identity.model import Contact, Customer, CustomerDetails, Tenant, TenantDetails


def values_of(entity: Customer | CustomerDetails | Tenant | TenantDetails) -> dict[str, Any]:
    """The values of the entity's columns, those of its contact beside the others."""
    values = asdict(entity)
    values.update(values.pop("contact"))
    return values


def contact_of(row: Row[*tuple[Any, ...]]) -> Contact:
    """The contact in a row of customers or tenants."""
    return Contact(**{field.name: getattr(row, field.name) for field in fields(Contact)})
