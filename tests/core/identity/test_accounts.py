"""What an operator does with accounts."""

from pathlib import Path

import pytest
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.accounts import Accounts
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import Tokens
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason


@pytest.fixture
async def revocations(store: Store, wall: WallClock) -> Revocations:
    return await Revocations.load(store.revocations, wall.now_ms)


@pytest.fixture
def accounts(store: Store, passwords: Passwords, revocations: Revocations, wall: WallClock) -> Accounts:
    return Accounts(store.accounts, passwords, revocations, wall)


@pytest.fixture
def tokens(tmp_path: Path, wall: WallClock) -> Tokens:
    return Tokens(SigningKey.load(tmp_path), wall)


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
    wall.now_s += 0.002
    await accounts.reset_password(ann.email, "other")
    after = tokens.verify_access(tokens.issue(ann).access)  # in the same second
    assert revocations.is_revoked(before)
    assert not revocations.is_revoked(after)
    _, password_hash = await store.accounts.find_login(ann.email) or (None, None)
    assert await passwords.verify("other", password_hash)
    assert not await passwords.verify("secret", password_hash)


async def test_enabling_again_does_not_revive_old_tokens(
    accounts: Accounts, store: Store, tokens: Tokens, revocations: Revocations, ann: User, wall: WallClock
) -> None:
    before = tokens.verify_access(tokens.issue(ann).access)
    wall.now_s += 0.002
    await accounts.set_enabled(ann.email, False)
    assert revocations.is_revoked(before)
    await accounts.set_enabled(ann.email, True)
    assert revocations.is_revoked(before)
    found = await store.accounts.find_user(ann.id)
    assert found is not None
    assert found.enabled


async def test_nobody_is_not_found(accounts: Accounts) -> None:
    with pytest.raises(TrunklineError, match=r"There is no user 'nobody@example\.com'") as caught:
        await accounts.reset_password("nobody@example.com", "x")
    assert caught.value.reason == ErrorReason.ERROR_REASON_NOT_FOUND
    with pytest.raises(TrunklineError):
        await accounts.set_enabled("nobody@example.com", False)
