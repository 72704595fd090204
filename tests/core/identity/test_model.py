"""Users and customers."""

from trunkline.contract.ids import new_id
from trunkline.core.identity.model import Customer, User, anonymous_user
from trunkline.v1.rpc_service_pb2 import Role


def test_a_new_user_may_log_in_and_has_version_1() -> None:
    user = User(new_id(), b"", b"", "root@example.com", Role.ROLE_SYS_ADMIN, 0)
    assert user.enabled
    assert user.version == 1


def test_whoever_uses_a_public_customers_devices_is_a_user_of_it_and_nobody_in_particular() -> None:
    customer = Customer(new_id(), new_id(), "Public", 0, is_public=True)
    user = anonymous_user(customer, "nobody")
    assert (user.role, user.tenant_id, user.customer_id) == (Role.ROLE_CUSTOMER_USER, customer.tenant_id, customer.id)
    assert user.id == customer.id
