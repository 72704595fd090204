"""How to reach a customer or a tenant: fields of both, and what lists of both are sorted by."""

from collections.abc import Mapping
from typing import Any, Final

from trunkline.facade.schemas.base import Body
from trunkline.v1 import identity_pb2 as identity_pb

SORTABLE: Final[Mapping[str, str]] = {
    "createdTime": "create_time",
    "title": "title",
    "name": "title",
    "email": "email",
    "country": "country",
    "city": "city",
}
"""What a list may be sorted by, and what the core calls it."""


class Contact(Body):
    """The fields; absent and empty are the same."""

    country: str | None = None
    state: str | None = None
    city: str | None = None
    address: str | None = None
    address2: str | None = None
    zip: str | None = None
    phone: str | None = None
    email: str | None = None

    def contact(self) -> identity_pb.Contact:
        """The fields as the core has them."""
        return identity_pb.Contact(**{name: getattr(self, name) or "" for name in Contact.model_fields})


def contact_fields(contact: identity_pb.Contact) -> dict[str, Any]:
    """The fields of an answer, each a text or None."""
    return {name: getattr(contact, name) or None for name in Contact.model_fields}
