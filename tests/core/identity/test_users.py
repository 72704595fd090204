"""Users, from creation to deletion."""

from dataclasses import replace

import pytest
from doubles.people import NOW_MS, People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.identity.model import User, UserDetails
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import Tokens
from trunkline.core.identity.users import Users
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

INVALID = ErrorReason.ERROR_REASON_INVALID_ARGUMENT
DENIED = ErrorReason.ERROR_REASON_PERMISSION_DENIED
NOT_FOUND = ErrorReason.ERROR_REASON_NOT_FOUND


def of_customer(people: People, email: str = "bob@example.com") -> UserDetails:
    return UserDetails(email, Role.ROLE_CUSTOMER_USER, customer_id=people.customer_id)


@pytest.fixture
async def bob(users: Users, people: People) -> User:
    """A customer's user."""
    return await users.create(people.admin, of_customer(people))


def acting(user: User) -> Principal:
    """The user as a caller."""
    return Principal(user.role, user.tenant_id, user.id, user.customer_id, issued_unix_ms=NOW_MS)


async def test_from_creation_to_deletion(users: Users, people: People) -> None:
    details = replace(of_customer(people), first_name="Bob", last_name="B", phone="1", additional_info=b"{ }")
    made = await users.create(people.admin, details)
    assert made == User(
        made.id,
        people.tenant_id,
        people.customer_id,
        "bob@example.com",
        Role.ROLE_CUSTOMER_USER,
        NOW_MS,
        first_name="Bob",
        last_name="B",
        phone="1",
        enabled=False,
        activated=False,
        additional_info=b"{}",
    )
    assert await users.get(people.admin, made.id) == made
    changed = await users.update(people.admin, made.id, UserDetails("rob@example.com"), made.version)
    assert changed == replace(
        made, email="rob@example.com", first_name="", last_name="", phone="", additional_info=b"", version=2
    )
    with pytest.raises(TrunklineError, match="User was already changed by someone else") as caught:
        await users.update(people.admin, made.id, details, made.version)
    assert caught.value.reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT
    await users.delete(people.admin, made.id)
    with pytest.raises(TrunklineError, match=f"User with id \\[{to_text(made.id)}\\] is not found") as caught:
        await users.get(people.admin, made.id)
    assert caught.value.reason == NOT_FOUND


async def test_each_administrator_adds_those_below(users: Users, people: People) -> None:
    admin = UserDetails("new@example.com", Role.ROLE_TENANT_ADMIN, tenant_id=people.other_tenant_id)
    assert (await users.create(people.sys_admin, admin)).tenant_id == people.other_tenant_id
    # A tenant's administrator adds to the own tenant, whatever it says.
    own = await users.create(people.admin, replace(admin, email="own@example.com"))
    assert own.tenant_id == people.tenant_id
    root = await users.create(people.sys_admin, UserDetails("root@example.com", Role.ROLE_SYS_ADMIN))
    assert (root.tenant_id, root.customer_id) == (b"", b"")
    for principal, role in (
        (people.admin, Role.ROLE_SYS_ADMIN),
        (people.sys_admin, Role.ROLE_CUSTOMER_USER),
        (people.customer, Role.ROLE_CUSTOMER_USER),
    ):
        with pytest.raises(TrunklineError) as caught:
            await users.create(principal, UserDetails("x@example.com", role, customer_id=people.customer_id))
        assert caught.value.reason == DENIED


async def test_bad_details_are_refused_at_creation(users: Users, people: People, bob: User) -> None:
    good = of_customer(people, "x@example.com")
    long = "x" * 256
    for details, message in (
        (replace(good, email=""), "User email should be specified!"),
        (replace(good, email="bad"), "Invalid email address format 'bad'!"),
        (replace(good, email=f"{long}@b.cd"), "Validation error: email length must be equal or less than 255"),
        (replace(good, first_name=long), "Validation error: first name length must be equal or less than 255"),
        (replace(good, last_name=long), "Validation error: last name length must be equal or less than 255"),
        (replace(good, phone=long), "Validation error: phone length must be equal or less than 255"),
        (replace(good, additional_info=b"{"), "The additional info is no JSON"),
        (replace(good, role=Role.ROLE_UNSPECIFIED), "User authority isn't defined!"),
        (replace(good, customer_id=b""), "Customer user should be assigned to customer!"),
        (replace(good, role=Role.ROLE_TENANT_ADMIN), "Tenant administrator can't be assigned to customer!"),
        (replace(good, customer_id=new_id()), "User is referencing to non-existent customer!"),
    ):
        with pytest.raises(TrunklineError) as caught:
            await users.create(people.admin, details)
        assert (caught.value.reason, caught.value.message) == (INVALID, message)
    with pytest.raises(TrunklineError, match="User can't be assigned to customer from different tenant!"):
        await users.create(people.other_admin, good)
    with pytest.raises(TrunklineError, match=r"'bob@example.com' already present in database!") as caught:
        await users.create(people.other_admin, UserDetails(bob.email, Role.ROLE_TENANT_ADMIN))
    assert caught.value.reason == ErrorReason.ERROR_REASON_ALREADY_EXISTS
    await users.create(people.admin, replace(good, email="Bob@example.com"))  # letter case makes another


async def test_a_system_administrators_bad_places_are_refused(users: Users, people: People) -> None:
    admin = UserDetails("x@example.com", Role.ROLE_TENANT_ADMIN)
    for details, message in (
        (admin, "Tenant administrator should be assigned to tenant!"),
        (replace(admin, tenant_id=new_id()), "User is referencing to non-existent tenant!"),
        (
            replace(admin, role=Role.ROLE_SYS_ADMIN, tenant_id=people.tenant_id),
            "System administrator can't be assigned neither to tenant nor to customer!",
        ),
    ):
        with pytest.raises(TrunklineError) as caught:
            await users.create(people.sys_admin, details)
        assert (caught.value.reason, caught.value.message) == (INVALID, message)


async def test_role_tenant_and_customer_stay(users: Users, people: People, bob: User) -> None:
    same = UserDetails(bob.email, bob.role, bob.tenant_id, bob.customer_id)
    for details, message in (
        (replace(same, role=Role.ROLE_TENANT_ADMIN), "Can't update user authority!"),
        (replace(same, tenant_id=people.other_tenant_id), "Can't update user tenant id!"),
        (replace(same, customer_id=people.other_customer_id), "Can't update user customer id!"),
        (replace(same, email="bad"), "Invalid email address format 'bad'!"),
    ):
        with pytest.raises(TrunklineError) as caught:
            await users.update(people.admin, bob.id, details)
        assert (caught.value.reason, caught.value.message) == (INVALID, message)
    assert await users.update(people.admin, bob.id, same) == replace(bob, version=2)


async def test_a_customers_user_changes_itself_only(users: Users, people: People, bob: User) -> None:
    other = await users.create(people.admin, of_customer(people, "ann@example.com"))
    changed = await users.update(acting(bob), bob.id, UserDetails(bob.email, first_name="Bob"))
    assert changed.first_name == "Bob"
    assert await users.get(acting(bob), other.id) == other
    for attempt in (
        users.update(acting(bob), other.id, UserDetails(other.email)),
        users.delete(acting(bob), bob.id),
        users.set_enabled(acting(bob), bob.id, False),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == DENIED


async def test_nobody_reaches_into_another_tenant(users: Users, people: People, bob: User) -> None:
    for principal in (people.other_admin, people.sys_admin):
        for attempt in (
            users.get(principal, bob.id),
            users.update(principal, bob.id, UserDetails(bob.email)),
            users.delete(principal, bob.id),
            users.set_enabled(principal, bob.id, False),
        ):
            with pytest.raises(TrunklineError) as caught:
                await attempt
            assert caught.value.reason == NOT_FOUND


async def test_a_disabled_users_tokens_end_at_once_and_for_good(
    users: Users, people: People, ann: User, tokens: Tokens, revocations: Revocations, wall: WallClock
) -> None:
    token = tokens.verify_access(tokens.issue(ann).access)
    await users.set_enabled(people.admin, ann.id, False)  # in the same millisecond
    assert revocations.is_revoked(token)
    assert await users.get(people.admin, ann.id) == replace(ann, enabled=False)
    await users.set_enabled(people.admin, ann.id, True)
    assert await users.get(people.admin, ann.id) == ann
    assert revocations.is_revoked(token)
    wall.now_s += 0.002
    assert not revocations.is_revoked(tokens.verify_access(tokens.issue(ann).access))


async def test_whoever_has_no_password_cannot_be_enabled(users: Users, people: People, bob: User) -> None:
    with pytest.raises(TrunklineError, match="Enabled user credentials should have password!") as caught:
        await users.set_enabled(people.admin, bob.id, True)
    assert caught.value.reason == INVALID


async def test_a_deleted_users_tokens_end_at_once(
    users: Users, people: People, ann: User, tokens: Tokens, revocations: Revocations
) -> None:
    token = tokens.verify_access(tokens.issue(ann).access)
    await users.delete(acting(ann), ann.id)  # a tenant's administrator may go
    assert revocations.is_revoked(token)


async def test_a_system_administrator_cannot_remove_itself(users: Users, people: People) -> None:
    root = await users.create(people.sys_admin, UserDetails("root@example.com", Role.ROLE_SYS_ADMIN))
    with pytest.raises(TrunklineError, match="Sysadmin is not allowed to delete himself") as caught:
        await users.delete(acting(root), root.id)
    assert caught.value.reason == DENIED
    await users.delete(people.sys_admin, root.id)


async def test_everybody_lists_whom_they_see(users: Users, store: Store, people: People, ann: User, bob: User) -> None:
    cat = User(new_id(), people.tenant_id, people.other_customer_id, "cat@example.com", bob.role, NOW_MS)
    await store.users.add(cat, password_hash="hash")
    order = Page(sort_by="email")
    assert (await users.page(people.admin, order)).items == [ann, bob, cat]
    assert (await users.page(people.admin, order, customer_id=people.customer_id)).items == [bob]
    assert (await users.page(people.sys_admin, order, tenant_id=people.tenant_id)).items == [ann]
    assert (await users.page(people.customer, order)).items == [bob]
    assert (await users.page(people.customer, order, customer_id=people.customer_id)).items == [bob]
    assert (await users.page(people.admin, replace(order, size=2, number=1))).items == [cat]


async def test_nobody_lists_others(users: Users, people: People) -> None:
    for reason, attempt in (
        (DENIED, users.page(people.sys_admin, Page())),
        (NOT_FOUND, users.page(people.sys_admin, Page(), tenant_id=new_id())),
        (DENIED, users.page(people.admin, Page(), tenant_id=people.tenant_id)),
        (NOT_FOUND, users.page(people.other_admin, Page(), customer_id=people.customer_id)),
        (NOT_FOUND, users.page(people.customer, Page(), customer_id=people.other_customer_id)),
        (INVALID, users.page(people.admin, Page(), tenant_id=new_id(), customer_id=new_id())),
        (INVALID, users.page(people.admin, Page(sort_by="password_hash"))),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == reason
