"""What the tests of identity share: tokens, revocations and the services over one store."""

from pathlib import Path

import pytest
from doubles.wall_clock import WallClock

from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.logins import Logins
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import Tokens
from trunkline.core.identity.users import Users
from trunkline.core.store.store import Store


@pytest.fixture
def tokens(tmp_path: Path, wall: WallClock) -> Tokens:
    return Tokens(SigningKey.load(tmp_path), wall)


@pytest.fixture
async def revocations(store: Store, wall: WallClock) -> Revocations:
    return await Revocations.load(store.revocations, wall.now_ms)


@pytest.fixture
def logins(store: Store, passwords: Passwords, tokens: Tokens, revocations: Revocations, wall: WallClock) -> Logins:
    return Logins(
        users=store.users,
        customers=store.customers,
        passwords=passwords,
        tokens=tokens,
        revocations=revocations,
        now_s=wall,
    )


@pytest.fixture
def users(store: Store, revocations: Revocations, wall: WallClock) -> Users:
    return Users(store.users, customers=store.customers, tenants=store.tenants, revocations=revocations, now_s=wall)
