"""People who may and people who may not."""

from dataclasses import dataclass

from trunkline.contract.ids import new_id
from trunkline.core.identity.model import Customer, Tenant
from trunkline.core.identity.principal import Principal
from trunkline.core.store.customers import CustomerRows
from trunkline.core.store.tenants import TenantRows
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


async def stored_people(tenants: TenantRows, customers: CustomerRows) -> People:
    """Their tenants and customers, in the store."""
    one, two = (Tenant(new_id(), title, NOW_MS) for title in ("One", "Two"))
    a, b = (Customer(new_id(), one.id, title, NOW_MS) for title in ("A", "B"))
    for tenant in (one, two):
        await tenants.add(tenant)
    for customer in (a, b):
        await customers.add(customer)
    return People(tenant_id=one.id, customer_id=a.id, other_customer_id=b.id, other_tenant_id=two.id)
