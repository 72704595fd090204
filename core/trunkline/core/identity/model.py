"""Users, customers and tenants, as the core knows them. Ids are 16 bytes, empty where there is none."""

from dataclasses import dataclass
from typing import Final

from trunkline.contract.ids import NO_ID
from trunkline.v1.rpc_service_pb2 import Role

DEFAULT_REGION: Final = "Global"
"""Of a tenant that names none."""

PUBLIC_TITLE: Final = "Public"
"""Of each tenant's public customer; nobody may give another this title."""


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach a customer or a tenant; every text may be empty."""

    country: str = ""
    state: str = ""
    city: str = ""
    address: str = ""
    address2: str = ""
    zip: str = ""
    phone: str = ""
    email: str = ""


NO_CONTACT: Final = Contact()


@dataclass(frozen=True, slots=True)
class TenantDetails:
    """What somebody says of a tenant."""

    title: str
    region: str = ""
    """Empty: the default one."""
    contact: Contact = NO_CONTACT
    additional_info: bytes = b""
    """JSON; empty: none."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation with devices, customers and users of its own."""

    id: bytes
    title: str
    create_unix_ms: int
    region: str = DEFAULT_REGION
    contact: Contact = NO_CONTACT
    version: int = 1
    additional_info: bytes = b""


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """What somebody says of a customer."""

    title: str
    contact: Contact = NO_CONTACT
    additional_info: bytes = b""
    """JSON; empty: none."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody to whom a tenant gives devices."""

    id: bytes
    tenant_id: bytes
    title: str
    """Unique in its tenant."""
    create_unix_ms: int
    is_public: bool = False
    """Everybody may use its devices."""
    contact: Contact = NO_CONTACT
    version: int = 1
    additional_info: bytes = b""


@dataclass(frozen=True, slots=True)
class UserDetails:
    """What somebody says of a user."""

    email: str
    role: Role.ValueType = Role.ROLE_UNSPECIFIED
    tenant_id: bytes = NO_ID
    customer_id: bytes = NO_ID
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    additional_info: bytes = b""
    """JSON; empty: none."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who logs in. Absent texts are empty."""

    id: bytes
    tenant_id: bytes
    customer_id: bytes
    email: str
    """Unique on the whole server, letter case included."""
    role: Role.ValueType
    create_unix_ms: int
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    enabled: bool = True
    activated: bool = True
    """A password was set once."""
    last_login_unix_ms: int = 0
    """0: never."""
    version: int = 1
    additional_info: bytes = b""


@dataclass(frozen=True, slots=True)
class Activation:
    """What lets somebody set a user's first password, and until when."""

    token: str
    end_unix_ms: int


def anonymous_user(customer: Customer, email: str) -> User:
    """Whoever uses the devices of this public customer; it has the customer's id, since nobody is stored for it."""
    return User(
        id=customer.id,
        tenant_id=customer.tenant_id,
        customer_id=customer.id,
        email=email,
        role=Role.ROLE_CUSTOMER_USER,
        create_unix_ms=customer.create_unix_ms,
        first_name=PUBLIC_TITLE,
        last_name=PUBLIC_TITLE,
    )
