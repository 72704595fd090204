"""Users as rows."""

from dataclasses import replace

import pytest
from doubles.people import NOW_MS, People

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.model import Activation, User
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role


@pytest.fixture
async def bob(store: Store, people: People) -> User:
    """A customer's user who has not set a password yet."""
    user = User(
        new_id(),
        people.tenant_id,
        people.customer_id,
        "bob@example.com",
        Role.ROLE_CUSTOMER_USER,
        NOW_MS,
        enabled=False,
        activated=False,
    )
    await store.users.add(user, activation=Activation("token", NOW_MS + 10))
    return user


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
        last_login_unix_ms=NOW_MS + 1,
        additional_info=b'{"a":1}',
    )
    await store.users.add(user, password_hash="hash")
    assert await store.users.find(user.id) == user
    assert await store.users.find_login("Ann@example.com") == (user, "hash")
    assert await store.users.find_login("ann@example.com") is None  # letter case counts, as in ThingsBoard
    assert await store.users.find(new_id()) is None


async def test_a_system_administrator_has_no_tenant(store: Store) -> None:
    user = User(new_id(), b"", b"", "root@example.com", Role.ROLE_SYS_ADMIN, NOW_MS)
    assert not await store.users.has_any(Role.ROLE_SYS_ADMIN)
    await store.users.add(user, password_hash="hash")
    assert await store.users.find(user.id) == user
    assert await store.users.has_any(Role.ROLE_SYS_ADMIN)


async def test_an_email_address_is_taken_once(store: Store, ann: User, bob: User) -> None:
    taken = r"User with email 'ann@example.com' already present in database!"
    with pytest.raises(TrunklineError, match=taken) as caught:
        await store.users.add(replace(ann, id=new_id()), password_hash="hash")
    assert caught.value.reason == ErrorReason.ERROR_REASON_ALREADY_EXISTS
    with pytest.raises(TrunklineError, match=taken):
        await store.users.change(bob.id, {"email": ann.email}, 0)


async def test_nobody_is_added_to_what_is_gone(store: Store, ann: User) -> None:
    for lost in (replace(ann, tenant_id=new_id()), replace(ann, customer_id=new_id())):
        with pytest.raises(TrunklineError, match="non-existent tenant or customer") as caught:
            await store.users.add(replace(lost, id=new_id(), email="lost@example.com"))
        assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT


async def test_a_change_raises_the_version_and_a_login_does_not(store: Store, ann: User) -> None:
    changed = replace(ann, last_name="B", version=2)
    assert await store.users.change(ann.id, {"last_name": "B"}, 1) == changed
    await store.users.logged_in(ann.id, NOW_MS + 5)
    await store.users.disable(ann.id)
    assert await store.users.find(ann.id) == replace(changed, last_login_unix_ms=NOW_MS + 5, enabled=False)
    assert await store.users.change(new_id(), {"last_name": "B"}, 0) is None


async def test_a_password_is_replaced_only_while_it_is_the_one_that_was_seen(store: Store, ann: User) -> None:
    old = await store.users.password_hash(ann.id)
    assert old is not None
    assert await store.users.replace_password(ann.id, "second", instead_of=old)
    assert not await store.users.replace_password(ann.id, "third", instead_of=old)
    assert await store.users.password_hash(ann.id) == "second"
    assert await store.users.password_hash(new_id()) is None


async def test_an_activation_token_works_once_and_in_its_time(store: Store, bob: User) -> None:
    assert await store.users.find(bob.id) == bob
    assert await store.users.find_activation(bob.id) == Activation("token", NOW_MS + 10)
    assert await store.users.activate("token", "hash", NOW_MS + 10) is None
    assert await store.users.activate("other", "hash", NOW_MS) is None
    active = replace(bob, enabled=True, activated=True)
    assert await store.users.activate("token", "hash", NOW_MS + 9) == active
    assert await store.users.find_login(bob.email) == (active, "hash")
    assert await store.users.activate("token", "stolen", NOW_MS) is None
    assert await store.users.find_activation(bob.id) is None
    assert not await store.users.renew_activation(bob.id, Activation("again", NOW_MS + 10))


async def test_whoever_has_no_password_cannot_be_enabled(store: Store, ann: User, bob: User) -> None:
    await store.users.disable(ann.id)
    assert await store.users.enable(ann.id)
    assert await store.users.find(ann.id) == ann
    assert not await store.users.enable(bob.id)
    assert await store.users.find(bob.id) == bob


async def test_disabling_withdraws_an_activation_token(store: Store, bob: User) -> None:
    await store.users.disable(bob.id)
    assert await store.users.find_activating("token") is None
    assert await store.users.renew_activation(bob.id, Activation("fresh", NOW_MS + 10))
    assert await store.users.find_activating("fresh") == Activation("fresh", NOW_MS + 10)


async def test_a_first_password_can_be_given_without_a_token(store: Store, ann: User, bob: User) -> None:
    await store.users.activate_unasked(bob.id, "hash")
    assert await store.users.find_login(bob.email) == (replace(bob, enabled=True, activated=True), "hash")
    await store.users.activate_unasked(ann.id, "hash")
    assert await store.users.password_hash(ann.id) != "hash"  # it was not her first


async def test_with_a_user_go_all_tokens_it_ever_had(store: Store, ann: User) -> None:
    (revocation,) = await store.users.delete(ann.id, NOW_MS)
    assert await store.users.find(ann.id) is None
    assert revocation.user_id == ann.id
    assert revocation.issued_before_unix_ms > NOW_MS  # also those being issued right now
    assert await store.revocations.living(NOW_MS) == [revocation]


async def test_a_page_has_the_users_of_a_tenant_a_customer_or_a_role(
    store: Store, people: People, ann: User, bob: User
) -> None:
    tenant_id = people.tenant_id
    by_email = Page(sort_by="email")
    assert (await store.users.page(by_email, tenant_id=tenant_id)).items == [ann, bob]
    found = await store.users.page(Page(), tenant_id=tenant_id, customer_id=people.customer_id)
    assert (found.items, found.total) == ([bob], 1)
    admins = await store.users.page(Page(), tenant_id=tenant_id, role=Role.ROLE_TENANT_ADMIN)
    assert admins.items == [ann]
    assert (await store.users.page(Page(text_search="BOB@"), tenant_id=tenant_id)).items == [bob]
    assert (await store.users.page(Page(), tenant_id=people.other_tenant_id)).total == 0
