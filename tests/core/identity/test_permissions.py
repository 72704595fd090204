"""Who may do what with people: every role against everybody."""

from collections.abc import Callable

import pytest
from doubles.people import NOW_MS, People

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.identity.model import Customer, Tenant, User
from trunkline.core.identity.permissions import (
    may_create_user,
    only,
    visible_customer,
    visible_tenant,
    visible_user,
)
from trunkline.core.identity.principal import Principal
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

DENIED = ErrorReason.ERROR_REASON_PERMISSION_DENIED
NOT_FOUND = ErrorReason.ERROR_REASON_NOT_FOUND


@pytest.fixture
def them() -> People:
    return People(tenant_id=new_id(), customer_id=new_id(), other_customer_id=new_id(), other_tenant_id=new_id())


def verdict(check: Callable[[], object]) -> ErrorReason.ValueType | None:
    try:
        check()
    except TrunklineError as error:
        return error.reason
    return None


def user(role: Role.ValueType, tenant_id: bytes = b"", customer_id: bytes = b"") -> User:
    return User(new_id(), tenant_id, customer_id, "a@b.cd", role, NOW_MS)


def test_who_sees_which_users(them: People) -> None:
    users = {
        "sys admin": user(Role.ROLE_SYS_ADMIN),
        "admin": user(Role.ROLE_TENANT_ADMIN, them.tenant_id),
        "other admin": user(Role.ROLE_TENANT_ADMIN, them.other_tenant_id),
        "customer": user(Role.ROLE_CUSTOMER_USER, them.tenant_id, them.customer_id),
        "other customer": user(Role.ROLE_CUSTOMER_USER, them.tenant_id, them.other_customer_id),
    }

    def seen(principal: Principal) -> set[str]:
        verdicts = {
            name: verdict(lambda one=one: visible_user(principal, one, one.id))  # type: ignore[misc] # a lambda's default has no type
            for name, one in users.items()
        }
        assert set(verdicts.values()) <= {None, NOT_FOUND}
        return {name for name, found in verdicts.items() if found is None}

    assert seen(them.sys_admin) == {"sys admin", "admin", "other admin"}
    assert seen(them.admin) == {"admin", "customer", "other customer"}
    assert seen(them.customer) == {"customer"}
    assert seen(Principal(Role.ROLE_UNSPECIFIED, b"", new_id())) == set()


def test_who_is_not_there_is_told_with_its_id(them: People) -> None:
    user_id = new_id()
    with pytest.raises(TrunklineError) as caught:
        visible_user(them.admin, None, user_id)
    assert caught.value.message == f"User with id [{to_text(user_id)}] is not found"
    assert caught.value.metadata == {"id": to_text(user_id)}


@pytest.mark.parametrize(
    ("role", "sys_admin", "admin"),
    [
        (Role.ROLE_SYS_ADMIN, None, DENIED),
        (Role.ROLE_TENANT_ADMIN, None, None),
        (Role.ROLE_CUSTOMER_USER, DENIED, None),
        (Role.ROLE_UNSPECIFIED, None, None),  # refused for other reasons
    ],
)
def test_who_adds_whom(
    them: People,
    role: Role.ValueType,
    sys_admin: ErrorReason.ValueType | None,
    admin: ErrorReason.ValueType | None,
) -> None:
    assert verdict(lambda: may_create_user(them.sys_admin, role)) == sys_admin
    assert verdict(lambda: may_create_user(them.admin, role)) == admin
    assert verdict(lambda: may_create_user(them.customer, role)) == DENIED


def test_who_sees_a_customer(them: People) -> None:
    customer = Customer(them.customer_id, them.tenant_id, "A", NOW_MS)

    def seen(principal: Principal) -> ErrorReason.ValueType | None:
        return verdict(lambda: visible_customer(principal, customer, customer.id))

    assert seen(them.sys_admin) == DENIED
    assert seen(them.admin) is seen(them.customer) is None
    assert seen(them.other_admin) == seen(them.other_customer) == NOT_FOUND
    assert verdict(lambda: visible_customer(them.admin, None, customer.id)) == NOT_FOUND


def test_who_sees_a_tenant(them: People) -> None:
    tenant = Tenant(them.tenant_id, "One", NOW_MS)

    def seen(principal: Principal) -> ErrorReason.ValueType | None:
        return verdict(lambda: visible_tenant(principal, tenant, tenant.id))

    assert seen(them.sys_admin) is seen(them.admin) is None
    assert seen(them.other_admin) == NOT_FOUND
    assert seen(them.customer) == DENIED
    assert verdict(lambda: visible_tenant(them.sys_admin, None, tenant.id)) == NOT_FOUND


def test_a_role_that_is_not_named_is_denied(them: People) -> None:
    only(them.admin, Role.ROLE_SYS_ADMIN, Role.ROLE_TENANT_ADMIN)
    with pytest.raises(TrunklineError, match="You don't have permission to perform this operation!") as caught:
        only(them.customer, Role.ROLE_SYS_ADMIN, Role.ROLE_TENANT_ADMIN)
    assert caught.value.reason == DENIED
