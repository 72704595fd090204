"""Customers as rows."""

from dataclasses import replace

import pytest
from doubles.device_rows import device, stored
from doubles.people import NOW_MS, People
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.model import Contact, Customer, CustomerDetails, User
from trunkline.core.store.customers import CustomerRows
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

CONTACT = Contact("DE", "BE", "Berlin", "Street 1", "c/o", "10115", "1", "a@b.cd")


async def test_a_customer_comes_back_as_stored(store: Store, people: People) -> None:
    customer = Customer(new_id(), people.tenant_id, "C", NOW_MS, contact=CONTACT, additional_info=b"{}")
    await store.customers.add(customer)
    assert await store.customers.find(customer.id) == customer
    assert await store.customers.find_by_title(people.tenant_id, "C") == customer
    assert await store.customers.find_by_title(people.other_tenant_id, "C") is None
    assert await store.customers.find(new_id()) is None


async def test_a_title_is_taken_once_within_the_tenant(store: Store, people: People) -> None:
    for again in (
        store.customers.add(Customer(new_id(), people.tenant_id, "A", NOW_MS)),
        store.customers.change(people.other_customer_id, CustomerDetails("A"), 0),
    ):
        with pytest.raises(TrunklineError, match="Customer with such title already exists!") as caught:
            await again
        assert caught.value.reason == ErrorReason.ERROR_REASON_ALREADY_EXISTS
    await store.customers.add(Customer(new_id(), people.other_tenant_id, "A", NOW_MS))


async def test_a_change_replaces_all_details(store: Store, people: People) -> None:
    changed = Customer(
        people.customer_id, people.tenant_id, "C", NOW_MS, contact=CONTACT, version=2, additional_info=b"{}"
    )
    assert await store.customers.change(people.customer_id, CustomerDetails("C", CONTACT, b"{}"), 1) == changed
    assert await store.customers.change(people.customer_id, CustomerDetails("C"), 0) == replace(
        changed, contact=Contact(), version=3, additional_info=b""
    )


async def test_with_a_customer_go_its_users_and_not_its_devices(store: Store, people: People) -> None:
    user = User(new_id(), people.tenant_id, people.customer_id, "bob@example.com", Role.ROLE_CUSTOMER_USER, NOW_MS)
    await store.users.add(user, password_hash="hash")
    pump = await stored(store.devices, device(people.tenant_id, "Pump", customer_id=people.customer_id))
    await stored(store.devices, device(people.tenant_id, "Valve", customer_id=people.other_customer_id))

    departure = await store.customers.delete(people.customer_id, NOW_MS)
    assert departure.device_ids == [pump.id]
    assert {revocation.user_id for revocation in departure.revocations} == {user.id, people.customer_id}
    assert await store.customers.find(people.customer_id) is None
    assert await store.users.find(user.id) is None
    left = await store.devices.find(pump.id)
    assert left is not None
    assert (left.customer_id, left.version) == (b"", 2)


async def test_each_tenant_has_one_public_customer_once_it_is_needed(store: Store, people: People) -> None:
    async def public(connection: AsyncConnection) -> bytes:
        return await CustomerRows.public(connection, people.tenant_id, NOW_MS)

    first = await store.customers._database.run(public)
    assert await store.customers._database.run(public) == first
    customer = await store.customers.find(first)
    assert customer is not None
    assert (customer.title, customer.is_public) == ("Public", True)
    assert customer.additional_info == b'{"isPublic":true}'


async def test_a_page_has_the_tenants_customers(store: Store, people: People) -> None:
    found = await store.customers.page(people.tenant_id, Page(size=1, sort_by="title", descending=True))
    assert ([customer.title for customer in found.items], found.total) == (["B"], 2)
    assert (await store.customers.page(people.other_tenant_id, Page())).total == 0
