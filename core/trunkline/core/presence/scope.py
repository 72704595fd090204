"""Whose devices somebody may watch."""

from dataclasses import dataclass

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.principal import Principal
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role


@dataclass(frozen=True, slots=True)
class Scope:
    """A tenant's devices, or within it a customer's."""

    tenant_id: bytes
    customer_id: bytes = b""
    """Empty: all of the tenant."""


def scope_of(principal: Principal) -> Scope:
    """The devices that `principal` may see. Raises PERMISSION_DENIED for whoever has none."""
    if principal.role == Role.ROLE_TENANT_ADMIN:
        return Scope(principal.tenant_id)
    if principal.role == Role.ROLE_CUSTOMER_USER and principal.customer_id:
        return Scope(principal.tenant_id, principal.customer_id)
    raise TrunklineError(
        ErrorReason.ERROR_REASON_PERMISSION_DENIED, "You don't have permission to perform this operation!"
    )
