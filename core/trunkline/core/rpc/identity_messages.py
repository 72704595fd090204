"""Between messages about people and the core's own values."""

from dataclasses import asdict

from trunkline.contract.ids import to_text
from trunkline.core.identity.model import (
    Contact,
    Customer,
    CustomerDetails,
    Tenant,
    TenantDetails,
    User,
    UserDetails,
)
from trunkline.core.identity.tokens import TokenPair
from trunkline.core.rpc.convert import optional_id, optional_timestamp, timestamp
from trunkline.v1 import identity_pb2


def user_message(user: User) -> identity_pb2.User:
    """The user as the identity service shows it."""
    return identity_pb2.User(
        id=to_text(user.id),
        tenant_id=to_text(user.tenant_id),
        customer_id=to_text(user.customer_id),
        email=user.email,
        role=user.role,
        first_name=user.first_name,
        last_name=user.last_name,
        phone=user.phone,
        create_time=timestamp(user.create_unix_ms),
        version=user.version,
        additional_info=user.additional_info,
        enabled=user.enabled,
        activated=user.activated,
        last_login_time=optional_timestamp(user.last_login_unix_ms),
    )


def user_details(message: identity_pb2.User) -> UserDetails:
    """What a request says of a user. Raises INVALID_ARGUMENT for a malformed id."""
    return UserDetails(
        email=message.email,
        role=message.role,
        tenant_id=optional_id(message.tenant_id, "tenant_id"),
        customer_id=optional_id(message.customer_id, "customer_id"),
        first_name=message.first_name,
        last_name=message.last_name,
        phone=message.phone,
        additional_info=message.additional_info,
    )


def customer_message(customer: Customer) -> identity_pb2.Customer:
    """The customer as the identity service shows it."""
    return identity_pb2.Customer(
        id=to_text(customer.id),
        tenant_id=to_text(customer.tenant_id),
        title=customer.title,
        contact=_contact_message(customer.contact),
        create_time=timestamp(customer.create_unix_ms),
        version=customer.version,
        additional_info=customer.additional_info,
        is_public=customer.is_public,
    )


def customer_details(message: identity_pb2.Customer) -> CustomerDetails:
    """What a request says of a customer."""
    return CustomerDetails(message.title, _contact(message.contact), message.additional_info)


def tenant_message(tenant: Tenant) -> identity_pb2.Tenant:
    """The tenant as the identity service shows it."""
    return identity_pb2.Tenant(
        id=to_text(tenant.id),
        title=tenant.title,
        contact=_contact_message(tenant.contact),
        create_time=timestamp(tenant.create_unix_ms),
        version=tenant.version,
        additional_info=tenant.additional_info,
        region=tenant.region,
    )


def tenant_details(message: identity_pb2.Tenant) -> TenantDetails:
    """What a request says of a tenant."""
    return TenantDetails(message.title, message.region, _contact(message.contact), message.additional_info)


def token_pair_message(pair: TokenPair) -> identity_pb2.TokenPair:
    """The pair as the identity service hands it out."""
    return identity_pb2.TokenPair(access_token=pair.access, refresh_token=pair.refresh)


def _contact_message(contact: Contact) -> identity_pb2.Contact:
    return identity_pb2.Contact(**asdict(contact))


def _contact(message: identity_pb2.Contact) -> Contact:
    return Contact(
        country=message.country,
        state=message.state,
        city=message.city,
        address=message.address,
        address2=message.address2,
        zip=message.zip,
        phone=message.phone,
        email=message.email,
    )
