"""What an operator does with accounts."""

from dataclasses import replace

import pytest
from doubles.people import NOW_MS, People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.accounts import Accounts
from trunkline.core.identity.model import Activation, User
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import Tokens
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role


@pytest.fixture
def accounts(store: Store, passwords: Passwords, revocations: Revocations, wall: WallClock) -> Accounts:
    return Accounts(store.users, passwords, revocations, wall)


async def test_a_new_password_ends_the_old_tokens_and_no_newer_one(
    accounts: Accounts,
    store: Store,
    passwords: Passwords,
    tokens: Tokens,
    revocations: Revocations,
    ann: User,
    wall: WallClock,
) -> None:
    before = tokens.verify_access(tokens.issue(ann).access)
    await accounts.reset_password(ann.email, "other")  # in the same millisecond
    wall.now_s += 0.002
    after = tokens.verify_access(tokens.issue(ann).access)  # in the same second
    assert revocations.is_revoked(before)
    assert not revocations.is_revoked(after)
    _, password_hash = await store.users.find_login(ann.email) or (None, None)
    assert await passwords.verify("other", password_hash)
    assert not await passwords.verify("secret", password_hash)


async def test_a_first_password_opens_the_account(
    accounts: Accounts, store: Store, passwords: Passwords, people: People
) -> None:
    user = User(
        new_id(),
        people.tenant_id,
        b"",
        "new@example.com",
        Role.ROLE_TENANT_ADMIN,
        NOW_MS,
        enabled=False,
        activated=False,
    )
    await store.users.add(user, activation=Activation("token", NOW_MS + 10))
    await accounts.reset_password(user.email, "first")
    found, password_hash = await store.users.find_login(user.email) or (None, None)
    assert found == replace(user, enabled=True, activated=True)
    assert await passwords.verify("first", password_hash)
    assert await store.users.find_activating("token") is None


async def test_whoever_was_switched_off_stays_so(accounts: Accounts, store: Store, ann: User) -> None:
    await store.users.disable(ann.id)
    await accounts.reset_password(ann.email, "other")
    assert await store.users.find(ann.id) == replace(ann, enabled=False)


async def test_nobody_is_not_found(accounts: Accounts) -> None:
    with pytest.raises(TrunklineError, match=r"There is no user 'nobody@example\.com'") as caught:
        await accounts.reset_password("nobody@example.com", "x")
    assert caught.value.reason == ErrorReason.ERROR_REASON_NOT_FOUND
