"""The columns by which a customer or a tenant can be reached. They have the names of a Contact's fields."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import ColumnElement, Row, Table

from trunkline.core.identity.model import Contact, Customer, CustomerDetails, Tenant, TenantDetails


def sortable(table: Table) -> Mapping[str, ColumnElement[Any]]:
    """What a list of customers or tenants can be sorted by."""
    columns = {name: table.c[name] for name in ("title", "email", "country", "city")}
    return {"create_time": table.c.create_unix_ms, **columns}


def values_of(entity: Customer | CustomerDetails | Tenant | TenantDetails) -> dict[str, Any]:
    """The values of the entity's columns, those of its contact beside the others."""
    values = asdict(entity)
    values.update(values.pop("contact"))
    return values


def contact_of(row: Row[*tuple[Any, ...]]) -> Contact:
    """The contact in a row of customers or tenants."""
    return Contact(**{field.name: getattr(row, field.name) for field in fields(Contact)})
