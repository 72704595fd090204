"""People who may and people who may not."""

from dataclasses import dataclass

from trunkline.contract.ids import new_id
from trunkline.core.identity.principal import Principal
from trunkline.core.store.accounts import AccountRows
from trunkline.v1.rpc_service_pb2 import Role

NOW_MS = 1_720_000_000_000


@dataclass(frozen=True, slots=True)
class People:
    """Two tenants, one of them with a customer, and somebody of each kind."""

    tenant_id: bytes
    customer_id: bytes
    other_customer_id: bytes
    other_tenant_id: bytes

    @property
    def sys_admin(self) -> Principal:
        return Principal(Role.ROLE_SYS_ADMIN, b"", new_id())

    @property
    def admin(self) -> Principal:
        return Principal(Role.ROLE_TENANT_ADMIN, self.tenant_id, new_id())

    @property
    def other_admin(self) -> Principal:
        return Principal(Role.ROLE_TENANT_ADMIN, self.other_tenant_id, new_id())

    @property
    def customer(self) -> Principal:
        return Principal(Role.ROLE_CUSTOMER_USER, self.tenant_id, new_id(), self.customer_id)

    @property
    def other_customer(self) -> Principal:
        return Principal(Role.ROLE_CUSTOMER_USER, self.tenant_id, new_id(), self.other_customer_id)


async def stored_people(accounts: AccountRows) -> People:
    """Their tenants and customers, in the store."""
    tenant_id = await accounts.add_tenant("One", NOW_MS)
    return People(
        tenant_id=tenant_id,
        customer_id=await accounts.add_customer(tenant_id, "A", NOW_MS),
        other_customer_id=await accounts.add_customer(tenant_id, "B", NOW_MS),
        other_tenant_id=await accounts.add_tenant("Two", NOW_MS),
    )
