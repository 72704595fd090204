"""Tenants, customers and users as rows."""

from dataclasses import replace

import pytest
from doubles.people import NOW_MS, People

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.model import User
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role


async def test_a_user_comes_back_as_stored(store: Store, people: People) -> None:
    user = User(
        id=new_id(),
        tenant_id=people.tenant_id,
        customer_id=people.customer_id,
        email="Ann@example.com",
        role=Role.ROLE_CUSTOMER_USER,
        create_unix_ms=NOW_MS,
        first_name="Ann",
        last_name="Ä",
        phone="1",
        enabled=False,
        additional_info=b'{"a":1}',
    )
    await store.accounts.add_user(user, "hash")
    assert await store.accounts.find_user(user.id) == user
    assert await store.accounts.find_login("Ann@example.com") == (user, "hash")
    assert await store.accounts.find_login("ann@example.com") is None  # letter case counts, as in ThingsBoard
    assert await store.accounts.find_user(new_id()) is None


async def test_a_system_administrator_has_no_tenant(store: Store) -> None:
    user = User(new_id(), b"", b"", "root@example.com", Role.ROLE_SYS_ADMIN, NOW_MS)
    await store.accounts.add_user(user, "hash")
    assert await store.accounts.find_user(user.id) == user


async def test_an_email_address_is_taken_once(store: Store, ann: User) -> None:
    with pytest.raises(
        TrunklineError, match=r"User with email 'ann@example.com' already present in database!"
    ) as caught:
        await store.accounts.add_user(replace(ann, id=new_id()), "hash")
    assert caught.value.reason == ErrorReason.ERROR_REASON_ALREADY_EXISTS


async def test_a_customers_title_is_its_own_within_the_tenant(store: Store, people: People) -> None:
    assert await store.accounts.find_customer(people.tenant_id, "A") == people.customer_id
    assert await store.accounts.find_customer(people.other_tenant_id, "A") is None
    with pytest.raises(TrunklineError, match="Customer with such title already exists!"):
        await store.accounts.add_customer(people.tenant_id, "A", NOW_MS)
    assert await store.accounts.add_customer(people.other_tenant_id, "A", NOW_MS)


async def test_changes_raise_the_version(store: Store, ann: User) -> None:
    await store.accounts.set_password(ann.id, "other hash")
    await store.accounts.set_enabled(ann.id, False)
    assert await store.accounts.find_login(ann.email) == (replace(ann, enabled=False, version=3), "other hash")
