"""Tenants as rows."""

from dataclasses import replace

from doubles.device_rows import device, stored
from doubles.people import NOW_MS, People
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.ids import new_id
from trunkline.core.identity.model import Contact, Tenant, TenantDetails, User
from trunkline.core.store.customers import CustomerRows
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store

CONTACT = Contact("DE", "BE", "Berlin", "Street 1", "c/o", "10115", "1", "a@b.cd")


async def test_a_tenant_comes_back_as_stored_and_has_a_profile_for_its_devices(store: Store) -> None:
    tenant = Tenant(new_id(), "T", NOW_MS, region="EU", contact=CONTACT, additional_info=b"{}")
    await store.tenants.add(tenant)
    assert await store.tenants.find(tenant.id) == tenant
    assert (await stored(store.devices, device(tenant.id, "Pump"))).type == "default"
    assert await store.tenants.find(new_id()) is None


async def test_a_change_replaces_all_details(store: Store, people: People) -> None:
    details = TenantDetails("T", "EU", CONTACT, b"{}")
    changed = Tenant(people.tenant_id, "T", NOW_MS, "EU", CONTACT, 2, b"{}")
    assert await store.tenants.change(people.tenant_id, details, 1) == changed
    assert await store.tenants.change(people.tenant_id, TenantDetails("T", "EU"), 0) == replace(
        changed, contact=Contact(), version=3, additional_info=b""
    )


async def test_with_a_tenant_goes_all_it_has(store: Store, people: People, ann: User) -> None:
    async def public(connection: AsyncConnection) -> bytes:
        return await CustomerRows.public(connection, people.tenant_id, NOW_MS)

    public_id = await store.customers._database.run(public)
    pump = await stored(store.devices, device(people.tenant_id, "Pump", customer_id=people.customer_id))
    theirs = await stored(store.devices, device(people.other_tenant_id, "Pump"), "theirs")

    departure = await store.tenants.delete(people.tenant_id, NOW_MS)
    assert departure.device_ids == [pump.id]
    assert {revocation.user_id for revocation in departure.revocations} == {ann.id, public_id}
    for gone in (
        await store.tenants.find(people.tenant_id),
        await store.users.find(ann.id),
        await store.customers.find(people.customer_id),
        await store.devices.find(pump.id),
    ):
        assert gone is None
    assert await store.devices.find(theirs.id) == theirs


async def test_a_page_has_all_tenants(store: Store, people: People) -> None:
    found = await store.tenants.page(Page(sort_by="title"))
    assert ([tenant.title for tenant in found.items], found.total) == (["One", "Two"], 2)
    assert (await store.tenants.page(Page(text_search="tw"))).total == 1
