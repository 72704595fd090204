"""Tenants, from creation to deletion."""

from dataclasses import replace

import pytest
from doubles.device_rows import device, stored
from doubles.people import NOW_MS, People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.identity.model import Contact, Tenant, TenantDetails, User
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tenants import Tenants
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason

DENIED = ErrorReason.ERROR_REASON_PERMISSION_DENIED
NOT_FOUND = ErrorReason.ERROR_REASON_NOT_FOUND


@pytest.fixture
def tenants(store: Store, revocations: Revocations, wall: WallClock) -> Tenants:
    return Tenants(store.tenants, revocations, lambda: wall.now_ms)


async def test_from_creation_to_deletion(tenants: Tenants, people: People) -> None:
    root = people.sys_admin
    details = TenantDetails("Firm", contact=Contact(country="DE"), additional_info=b"{ }")
    made = await tenants.create(root, details)
    assert made == Tenant(made.id, "Firm", NOW_MS, "Global", details.contact, additional_info=b"{}")
    assert await tenants.get(root, made.id) == made
    assert (await tenants.create(root, details)).title == "Firm"  # titles need not be unique

    changed = await tenants.update(root, made.id, TenantDetails("Company", region="EU"), made.version)
    assert changed == replace(made, title="Company", region="EU", contact=Contact(), additional_info=b"", version=2)
    with pytest.raises(TrunklineError, match="Tenant was already changed by someone else") as caught:
        await tenants.update(root, made.id, TenantDetails("Again"), made.version)
    assert caught.value.reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT

    assert (await tenants.page(root, Page(text_search="compan"))).items == [changed]
    await tenants.delete(root, made.id)
    with pytest.raises(TrunklineError, match=f"Tenant with id \\[{to_text(made.id)}\\] is not found") as caught:
        await tenants.get(root, made.id)
    assert caught.value.reason == NOT_FOUND


@pytest.mark.parametrize(
    ("details", "message"),
    [
        (TenantDetails(" "), "Tenant title should be specified!"),
        (TenantDetails("T", contact=Contact(email="bad")), "Invalid email address format 'bad'!"),
        (TenantDetails("T", region="x" * 256), "Validation error: region length must be equal or less than 255"),
        (TenantDetails("T", additional_info=b"{"), "The additional info is no JSON"),
    ],
)
async def test_bad_details_are_refused_at_creation_and_at_changes(
    tenants: Tenants, people: People, details: TenantDetails, message: str
) -> None:
    for attempt in (
        tenants.create(people.sys_admin, details),
        tenants.update(people.sys_admin, people.tenant_id, details),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert (caught.value.reason, caught.value.message) == (ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)


async def test_others_than_system_administrators_do_little(tenants: Tenants, people: People) -> None:
    assert (await tenants.get(people.admin, people.tenant_id)).title == "One"
    for reason, attempt in (
        (NOT_FOUND, tenants.get(people.admin, people.other_tenant_id)),
        (NOT_FOUND, tenants.delete(people.admin, people.other_tenant_id)),
        (DENIED, tenants.create(people.admin, TenantDetails("T"))),
        (DENIED, tenants.update(people.admin, people.tenant_id, TenantDetails("T"))),
        (DENIED, tenants.page(people.admin, Page())),
        (DENIED, tenants.get(people.customer, people.tenant_id)),
        (DENIED, tenants.delete(people.customer, people.tenant_id)),
        (NOT_FOUND, tenants.update(people.sys_admin, new_id(), TenantDetails("T"))),
        (NOT_FOUND, tenants.delete(people.sys_admin, new_id())),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == reason


async def test_an_administrator_may_end_its_own_tenant(
    tenants: Tenants, store: Store, people: People, ann: User, revocations: Revocations
) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump"))
    told: list[list[bytes]] = []
    tenants.on_deleted(told.append)
    as_ann = Principal(ann.role, ann.tenant_id, ann.id, issued_unix_ms=NOW_MS)
    await tenants.delete(as_ann, people.tenant_id)
    assert told == [[pump.id]]
    assert revocations.is_revoked(as_ann)
    assert await store.users.find(ann.id) is None
