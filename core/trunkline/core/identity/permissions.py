"""Who may do what with users, customers and tenants. The texts are the ones that ThingsBoard's clients know.

Whoever may never do a thing is denied it; whatever somebody may not see is not there, so that ids tell nothing.
"""

from typing import Final, NoReturn

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import to_text
from trunkline.core.identity.model import Customer, Tenant, User
from trunkline.core.identity.principal import Principal
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

_SYS_ADMIN: Final = Role.ROLE_SYS_ADMIN
_TENANT_ADMIN: Final = Role.ROLE_TENANT_ADMIN
_CUSTOMER_USER: Final = Role.ROLE_CUSTOMER_USER


def deny(message: str = "You don't have permission to perform this operation!") -> NoReturn:
    """Raise PERMISSION_DENIED."""
    raise TrunklineError(ErrorReason.ERROR_REASON_PERMISSION_DENIED, message)


def only(principal: Principal, *roles: Role.ValueType) -> None:
    """Raise PERMISSION_DENIED unless `principal` has one of these roles."""
    if principal.role not in roles:
        deny()


def visible_user(principal: Principal, user: User | None, user_id: bytes) -> User:
    """The user, if `principal` may see it. Raises NOT_FOUND.

    A system administrator sees all but customers' users, a tenant's administrator all users of the tenant, a
    customer's user those of the customer.
    """
    if user is None or not _sees(principal, user):
        raise not_found("User", user_id)
    return user


def _sees(principal: Principal, user: User) -> bool:
    if principal.role == _SYS_ADMIN:
        return user.role != _CUSTOMER_USER
    if user.tenant_id != principal.tenant_id:
        return False
    if principal.role == _TENANT_ADMIN:
        return True
    return bool(user.customer_id) and user.customer_id == principal.customer_id


def may_create_user(principal: Principal, role: Role.ValueType) -> None:
    """Raise PERMISSION_DENIED unless `principal` may add somebody in this role."""
    only(principal, _SYS_ADMIN, _TENANT_ADMIN)
    if role == (_CUSTOMER_USER if principal.role == _SYS_ADMIN else _SYS_ADMIN):
        deny()


def visible_customer(principal: Principal, customer: Customer | None, customer_id: bytes) -> Customer:
    """The customer, if `principal` may see it. Raises NOT_FOUND, and PERMISSION_DENIED for a system administrator."""
    only(principal, _TENANT_ADMIN, _CUSTOMER_USER)
    if (
        customer is None
        or customer.tenant_id != principal.tenant_id
        or (principal.role == _CUSTOMER_USER and customer.id != principal.customer_id)
    ):
        raise not_found("Customer", customer_id)
    return customer


def visible_tenant(principal: Principal, tenant: Tenant | None, tenant_id: bytes) -> Tenant:
    """The tenant, if `principal` may see it. Raises NOT_FOUND, and PERMISSION_DENIED for a customer's user."""
    only(principal, _SYS_ADMIN, _TENANT_ADMIN)
    if tenant is None or (principal.role == _TENANT_ADMIN and tenant.id != principal.tenant_id):
        raise not_found("Tenant", tenant_id)
    return tenant


def not_found(noun: str, entity_id: bytes) -> TrunklineError:
    """The error for an entity that is not there, or that its caller may not know of."""
    text = to_text(entity_id)
    return TrunklineError(ErrorReason.ERROR_REASON_NOT_FOUND, f"{noun} with id [{text}] is not found", id=text)
