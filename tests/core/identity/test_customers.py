"""Customers, from creation to deletion."""

from dataclasses import replace

import pytest
from doubles.device_rows import device, stored
from doubles.people import NOW_MS, People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.identity.customers import Customers
from trunkline.core.identity.model import Contact, Customer, CustomerDetails, User
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

INVALID = ErrorReason.ERROR_REASON_INVALID_ARGUMENT
DENIED = ErrorReason.ERROR_REASON_PERMISSION_DENIED
NOT_FOUND = ErrorReason.ERROR_REASON_NOT_FOUND


@pytest.fixture
def customers(store: Store, revocations: Revocations, wall: WallClock) -> Customers:
    return Customers(store.customers, revocations, lambda: wall.now_ms)


async def test_from_creation_to_deletion(customers: Customers, people: People) -> None:
    details = CustomerDetails("Company", Contact(city="Berlin", email="a@b.cd"), b'{"x": 1}')
    made = await customers.create(people.admin, details)
    assert made == Customer(
        made.id,
        people.tenant_id,
        "Company",
        NOW_MS,
        contact=details.contact,
        additional_info=b'{"x":1}',
    )
    assert await customers.get(people.admin, made.id) == made
    assert await customers.get_by_title(people.admin, "Company") == made

    changed = await customers.update(people.admin, made.id, CustomerDetails("Firm"), made.version)
    assert changed == replace(made, title="Firm", contact=Contact(), additional_info=b"", version=2)
    with pytest.raises(TrunklineError, match="Customer was already changed by someone else") as caught:
        await customers.update(people.admin, made.id, CustomerDetails("Again"), made.version)
    assert caught.value.reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT

    found = await customers.page(people.admin, Page(sort_by="title"))
    assert ([customer.title for customer in found.items], found.total) == (["A", "B", "Firm"], 3)
    await customers.delete(people.admin, made.id)
    with pytest.raises(TrunklineError, match=f"Customer with id \\[{to_text(made.id)}\\] is not found") as caught:
        await customers.get(people.admin, made.id)
    assert caught.value.reason == NOT_FOUND
    with pytest.raises(TrunklineError, match=r"Customer with title \[Firm\] is not found") as caught:
        await customers.get_by_title(people.admin, "Firm")
    assert caught.value.reason == NOT_FOUND


@pytest.mark.parametrize(
    ("details", "reason", "message"),
    [
        (CustomerDetails(""), INVALID, "Customer title should be specified!"),
        (CustomerDetails("Public"), INVALID, "'Public' title for customer is system reserved!"),
        (CustomerDetails("C", Contact(email="bad")), INVALID, "Invalid email address format 'bad'!"),
        (
            CustomerDetails("C", Contact(city="x" * 256)),
            INVALID,
            "Validation error: city length must be equal or less than 255",
        ),
        (CustomerDetails("C", additional_info=b"{"), INVALID, "The additional info is no JSON"),
        (CustomerDetails("B"), ErrorReason.ERROR_REASON_ALREADY_EXISTS, "Customer with such title already exists!"),
    ],
)
async def test_bad_details_are_refused_at_creation_and_at_changes(
    customers: Customers, people: People, details: CustomerDetails, reason: ErrorReason.ValueType, message: str
) -> None:
    for attempt in (
        customers.create(people.admin, details),
        customers.update(people.admin, people.customer_id, details),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert (caught.value.reason, caught.value.message) == (reason, message)
    assert (await customers.get(people.admin, people.customer_id)).version == 1


async def test_a_user_reads_its_own_customer_and_does_nothing_else(customers: Customers, people: People) -> None:
    assert (await customers.get(people.customer, people.customer_id)).title == "A"
    for reason, attempt in (
        (NOT_FOUND, customers.get(people.customer, people.other_customer_id)),
        (DENIED, customers.get_by_title(people.customer, "A")),
        (DENIED, customers.create(people.customer, CustomerDetails("C"))),
        (DENIED, customers.update(people.customer, people.customer_id, CustomerDetails("C"))),
        (DENIED, customers.delete(people.customer, people.customer_id)),
        (DENIED, customers.page(people.customer, Page())),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == reason


async def test_another_tenants_customers_are_not_there(customers: Customers, people: People) -> None:
    for attempt in (
        customers.get(people.other_admin, people.customer_id),
        customers.get_by_title(people.other_admin, "A"),
        customers.update(people.other_admin, people.customer_id, CustomerDetails("C")),
        customers.delete(people.other_admin, people.customer_id),
        customers.update(people.admin, new_id(), CustomerDetails("C")),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == NOT_FOUND


async def test_a_deleted_customers_users_are_out_and_its_devices_free(
    customers: Customers, store: Store, people: People, revocations: Revocations
) -> None:
    bob = User(new_id(), people.tenant_id, people.customer_id, "bob@example.com", Role.ROLE_CUSTOMER_USER, NOW_MS)
    await store.users.add(bob, password_hash="hash")
    pump = await stored(store.devices, device(people.tenant_id, "Pump", customer_id=people.customer_id))
    told: list[list[bytes]] = []
    customers.on_deleted(told.append)
    await customers.delete(people.admin, people.customer_id)
    assert told == [[pump.id]]
    as_bob = Principal(bob.role, bob.tenant_id, bob.id, bob.customer_id, issued_unix_ms=NOW_MS)
    assert revocations.is_revoked(as_bob)
    anonymous = Principal(bob.role, bob.tenant_id, people.customer_id, people.customer_id, issued_unix_ms=NOW_MS)
    assert revocations.is_revoked(anonymous)
