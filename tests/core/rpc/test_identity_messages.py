"""Messages about people say what the values say."""

from trunkline.contract.ids import new_id, to_text
from trunkline.core.identity.model import Contact, Customer, CustomerDetails, Tenant, TenantDetails, User, UserDetails
from trunkline.core.identity.tokens import TokenPair
from trunkline.core.rpc.identity_messages import (
    customer_details,
    customer_message,
    tenant_details,
    tenant_message,
    token_pair_message,
    user_details,
    user_message,
)
from trunkline.v1.rpc_service_pb2 import Role

CONTACT = Contact("DE", "BE", "Berlin", "Street 1", "c/o", "10115", "1", "a@b.cd")


def test_a_user_has_all_its_fields() -> None:
    user = User(
        id=new_id(),
        tenant_id=new_id(),
        customer_id=new_id(),
        email="ann@example.com",
        role=Role.ROLE_CUSTOMER_USER,
        create_unix_ms=1_720_000_000_123,
        first_name="Ann",
        last_name="A",
        phone="1",
        activated=False,
        last_login_unix_ms=1_720_000_000_456,
        version=3,
        additional_info=b"{}",
    )
    message = user_message(user)
    assert user_details(message) == UserDetails(
        "ann@example.com", user.role, user.tenant_id, user.customer_id, "Ann", "A", "1", b"{}"
    )
    assert (message.id, message.version) == (to_text(user.id), 3)
    assert (message.enabled, message.activated) == (True, False)
    assert message.create_time.ToMilliseconds() == user.create_unix_ms
    assert message.last_login_time.ToMilliseconds() == user.last_login_unix_ms


def test_what_a_user_does_not_have_is_absent() -> None:
    root = user_message(User(new_id(), b"", b"", "root@example.com", Role.ROLE_SYS_ADMIN, 0))
    assert (root.tenant_id, root.customer_id) == ("", "")
    assert not root.HasField("last_login_time")


def test_a_customer_has_all_its_fields() -> None:
    customer = Customer(new_id(), new_id(), "A", 1_720_000_000_123, True, CONTACT, 3, b"{}")
    message = customer_message(customer)
    assert customer_details(message) == CustomerDetails("A", CONTACT, b"{}")
    assert (message.id, message.tenant_id) == (to_text(customer.id), to_text(customer.tenant_id))
    assert (message.is_public, message.version) == (True, 3)
    assert message.create_time.ToMilliseconds() == customer.create_unix_ms


def test_a_tenant_has_all_its_fields() -> None:
    tenant = Tenant(new_id(), "T", 1_720_000_000_123, "EU", CONTACT, 3, b"{}")
    message = tenant_message(tenant)
    assert tenant_details(message) == TenantDetails("T", "EU", CONTACT, b"{}")
    assert (message.id, message.version) == (to_text(tenant.id), 3)
    assert message.create_time.ToMilliseconds() == tenant.create_unix_ms


def test_a_pair_is_two_tokens() -> None:
    message = token_pair_message(TokenPair("a", "r"))
    assert (message.access_token, message.refresh_token) == ("a", "r")
