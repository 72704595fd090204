"""The accounts and devices of a new installation: generated ones at its first start, well-known ones for a demo."""

from dataclasses import dataclass
from typing import Final

from trunkline.contract.demo import DEMO_PASSWORDS
from trunkline.contract.ids import NO_ID, new_id
from trunkline.core.devices.model import Device, access_token_credentials
from trunkline.core.identity.model import Customer, Tenant, User
from trunkline.core.identity.passwords import Passwords, generated_password
from trunkline.core.store.store import Store
from trunkline.v1.rpc_service_pb2 import Role

SYS_ADMIN: Final = "sysadmin@thingsboard.org"
TENANT_ADMIN: Final = "tenant@thingsboard.org"
CUSTOMER_USER: Final = "customer@thingsboard.org"
SECOND_TENANT_ADMIN: Final = "tenant2@thingsboard.org"
TENANT: Final = "Tenant"
SECOND_TENANT: Final = "Tenant 2"
CUSTOMER: Final = "Customer A"


@dataclass(frozen=True, slots=True)
class Account:
    """What somebody needs to log in."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """A device of the demo and the token it connects with."""

    name: str
    access_token: str
    of_customer: bool = False
    additional_info: bytes = b""


DEMO_DEVICES: Final = (
    DemoDevice("Test Device A1", "A1_TEST_TOKEN", of_customer=True),
    DemoDevice("Test Device A2", "A2_TEST_TOKEN", of_customer=True),
    DemoDevice("Test Device B1", "B1_TEST_TOKEN"),
    DemoDevice("Test Gateway", "GATEWAY_TEST_TOKEN", additional_info=b'{"gateway":true}'),
)
SECOND_TENANT_DEVICES: Final = (DemoDevice("Test Device T2", "T2_TEST_TOKEN"),)


async def seed(store: Store, passwords: Passwords, now_unix_ms: int, *, demo: bool) -> list[Account]:
    """Fill `store` and tell which accounts it has with which passwords. What is already there stays as it is.

    At an installation's first start these are a system administrator and a tenant's administrator with generated
    passwords, which nobody can tell again. In a demo they are the well-known ones, told at every start, without those
    whose password somebody has changed.
    """
    seeding = _Seeding(store, passwords, now_unix_ms)
    return await (seeding.demo() if demo else seeding.first_accounts())


class _Seeding:
    def __init__(self, store: Store, passwords: Passwords, now_unix_ms: int) -> None:
        self._tenants = store.tenants
        self._customers = store.customers
        self._users = store.users
        self._devices = store.devices
        self._passwords = passwords
        self._now = now_unix_ms

    async def first_accounts(self) -> list[Account]:
        if await self._users.has_any(Role.ROLE_SYS_ADMIN):
            return []
        sys_admin = Account(SYS_ADMIN, generated_password())
        tenant_admin = Account(TENANT_ADMIN, generated_password())
        await self._tenant(TENANT, tenant_admin)
        await self._user(sys_admin, Role.ROLE_SYS_ADMIN)  # last: it says that the first start is over
        return await self._opened_by([sys_admin, tenant_admin])

    async def demo(self) -> list[Account]:
        emails = (SYS_ADMIN, TENANT_ADMIN, CUSTOMER_USER, SECOND_TENANT_ADMIN)
        accounts = [Account(email, DEMO_PASSWORDS[email]) for email in emails]
        sys_admin, tenant_admin, customer_user, second_tenant_admin = accounts
        await self._user(sys_admin, Role.ROLE_SYS_ADMIN)
        tenant_id = await self._tenant(TENANT, tenant_admin)
        customer_id = await self._customer(tenant_id)
        await self._user(customer_user, Role.ROLE_CUSTOMER_USER, tenant_id, customer_id)
        for device in DEMO_DEVICES:
            await self._device(device, tenant_id, customer_id)
        second_tenant_id = await self._tenant(SECOND_TENANT, second_tenant_admin)
        for device in SECOND_TENANT_DEVICES:
            await self._device(device, second_tenant_id, NO_ID)
        return await self._opened_by(accounts)

    async def _tenant(self, title: str, admin: Account) -> bytes:
        """The tenant of this administrator, both made if need be."""
        found = await self._users.find_login(admin.email)
        if found is not None:
            return found[0].tenant_id
        tenant = Tenant(new_id(), title, self._now)
        await self._tenants.add(tenant)
        await self._user(admin, Role.ROLE_TENANT_ADMIN, tenant.id)
        return tenant.id

    async def _customer(self, tenant_id: bytes) -> bytes:
        found = await self._customers.find_by_title(tenant_id, CUSTOMER)
        if found is not None:
            return found.id
        customer = Customer(new_id(), tenant_id, CUSTOMER, self._now)
        await self._customers.add(customer)
        return customer.id

    async def _user(
        self, account: Account, role: Role.ValueType, tenant_id: bytes = NO_ID, customer_id: bytes = NO_ID
    ) -> None:
        if await self._users.find_login(account.email) is not None:
            return
        user = User(new_id(), tenant_id, customer_id, account.email, role, self._now)
        await self._users.add(user, password_hash=await self._passwords.hash(account.password))

    async def _device(self, demo: DemoDevice, tenant_id: bytes, customer_id: bytes) -> None:
        if await self._devices.find_by_name(tenant_id, demo.name) is not None:
            return
        if await self._devices.entries_by_credentials([demo.access_token]):
            return  # of a tenant whose administrator was deleted, or of a device with another name
        device = Device(
            id=new_id(),
            tenant_id=tenant_id,
            customer_id=customer_id if demo.of_customer else NO_ID,
            profile_id=NO_ID,
            name=demo.name,
            type="",
            label="",
            create_unix_ms=self._now,
            version=1,
            additional_info=demo.additional_info,
        )
        await self._devices.add(device, access_token_credentials(device, demo.access_token))

    async def _opened_by(self, accounts: list[Account]) -> list[Account]:
        """Those of the accounts whose password is the one they say."""
        opened = []
        for account in accounts:
            found = await self._users.find_login(account.email)
            if await self._passwords.verify(account.password, found[1] if found else None):
                opened.append(account)
        return opened
