"""A new installation's accounts and devices."""

from doubles.people import NOW_MS

from trunkline.core.devices.directory import Directory
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.seeding import Account, seed
from trunkline.core.store.store import Store
from trunkline.v1.rpc_service_pb2 import Role

DEMO = [
    Account("sysadmin@thingsboard.org", "sysadmin"),
    Account("tenant@thingsboard.org", "tenant"),
    Account("customer@thingsboard.org", "customer"),
    Account("tenant2@thingsboard.org", "tenant2"),
]


async def test_the_demo_has_known_accounts(store: Store, passwords: Passwords) -> None:
    assert await seed(store, passwords, NOW_MS, demo=True) == DEMO
    users = {}
    for account in DEMO:
        user, password_hash = await store.users.find_login(account.email) or (None, None)
        assert user is not None
        assert await passwords.verify(account.password, password_hash)
        assert user.activated
        assert user.enabled
        users[account.password] = user
    assert users["sysadmin"].role == Role.ROLE_SYS_ADMIN
    assert users["tenant"].role == users["tenant2"].role == Role.ROLE_TENANT_ADMIN
    assert users["customer"].role == Role.ROLE_CUSTOMER_USER
    assert users["customer"].tenant_id == users["tenant"].tenant_id != users["tenant2"].tenant_id
    assert users["customer"].customer_id


async def test_the_demo_has_known_devices(store: Store, passwords: Passwords) -> None:
    await seed(store, passwords, NOW_MS, demo=True)
    found = await store.devices.entries_by_credentials(
        ["A1_TEST_TOKEN", "A2_TEST_TOKEN", "B1_TEST_TOKEN", "GATEWAY_TEST_TOKEN", "T2_TEST_TOKEN"]
    )
    entries = {token: known.entry for token, known in found.items()}
    names = {token: entry.name for token, entry in entries.items()}
    assert names == {
        "A1_TEST_TOKEN": "Test Device A1",
        "A2_TEST_TOKEN": "Test Device A2",
        "B1_TEST_TOKEN": "Test Device B1",
        "GATEWAY_TEST_TOKEN": "Test Gateway",
        "T2_TEST_TOKEN": "Test Device T2",
    }
    customer, _ = await store.users.find_login("customer@thingsboard.org") or (None, None)
    assert customer is not None
    assert {token for token, entry in entries.items() if entry.customer_id == customer.customer_id} == {
        "A1_TEST_TOKEN",
        "A2_TEST_TOKEN",
    }
    assert {token for token, entry in entries.items() if entry.tenant_id != customer.tenant_id} == {"T2_TEST_TOKEN"}
    assert {token for token, entry in entries.items() if entry.gateway} == {"GATEWAY_TEST_TOKEN"}


async def test_seeding_again_changes_nothing(store: Store, passwords: Passwords) -> None:
    await seed(store, passwords, NOW_MS, demo=True)
    found = await store.devices.entries_by_credentials(["A1_TEST_TOKEN"])
    entry = found["A1_TEST_TOKEN"].entry
    assert await seed(store, passwords, NOW_MS + 1, demo=True) == DEMO
    assert await store.devices.entries_by_credentials(["A1_TEST_TOKEN"]) == found
    assert await Directory(store.devices).load(entry.device_id) == entry


async def test_a_changed_password_is_neither_told_nor_set_back(store: Store, passwords: Passwords) -> None:
    await seed(store, passwords, NOW_MS, demo=True)
    tenant, old_hash = await store.users.find_login("tenant@thingsboard.org") or (None, "")
    assert tenant is not None
    assert await store.users.replace_password(tenant.id, await passwords.hash("mine"), instead_of=old_hash)
    assert await seed(store, passwords, NOW_MS, demo=True) == [DEMO[0], *DEMO[2:]]


async def test_a_first_start_makes_two_accounts_and_tells_them_once(store: Store, passwords: Passwords) -> None:
    told = await seed(store, passwords, NOW_MS, demo=False)
    assert [account.email for account in told] == ["sysadmin@thingsboard.org", "tenant@thingsboard.org"]
    for account in told:
        assert account not in DEMO
        _, password_hash = await store.users.find_login(account.email) or (None, None)
        assert await passwords.verify(account.password, password_hash)
    assert await seed(store, passwords, NOW_MS, demo=False) == []


async def test_a_demo_on_an_installation_keeps_its_accounts(store: Store, passwords: Passwords) -> None:
    await seed(store, passwords, NOW_MS, demo=False)
    told = await seed(store, passwords, NOW_MS, demo=True)
    assert told == DEMO[2:]  # the others have passwords of their own


async def test_a_demo_whose_administrator_was_deleted_starts_again(store: Store, passwords: Passwords) -> None:
    await seed(store, passwords, NOW_MS, demo=True)
    first, _ = await store.users.find_login("tenant@thingsboard.org") or (None, None)
    assert first is not None
    await store.users.delete(first.id, NOW_MS)
    assert await seed(store, passwords, NOW_MS, demo=True) == DEMO
    second, _ = await store.users.find_login("tenant@thingsboard.org") or (None, None)
    assert second is not None
    assert second.tenant_id != first.tenant_id
    found = await store.devices.entries_by_credentials(["A1_TEST_TOKEN"])
    assert found["A1_TEST_TOKEN"].entry.tenant_id == first.tenant_id  # the devices stay where they are


async def test_a_system_administrator_with_another_address_is_one(store: Store, passwords: Passwords) -> None:
    await seed(store, passwords, NOW_MS, demo=False)
    root, _ = await store.users.find_login("sysadmin@thingsboard.org") or (None, None)
    assert root is not None
    await store.users.change(root.id, {"email": "root@example.com"}, 0)
    assert await seed(store, passwords, NOW_MS, demo=False) == []
