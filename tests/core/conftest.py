"""What the tests of the core's edges share: a real store on disk and people in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.people import NOW_MS, People, stored_people
from doubles.wall_clock import WallClock

from trunkline.contract.ids import new_id
from trunkline.core.identity.model import User
from trunkline.core.identity.passwords import Passwords
from trunkline.core.store.database import sqlite_url
from trunkline.core.store.store import Store
from trunkline.v1.rpc_service_pb2 import Role


@pytest.fixture
def wall() -> WallClock:
    return WallClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(sqlite_url(tmp_path / "trunkline.db"))
    yield opened
    await opened.close()


@pytest.fixture
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture
async def people(store: Store) -> People:
    return await stored_people(store.tenants, store.customers)


@pytest.fixture
async def ann(store: Store, people: People, passwords: Passwords) -> User:
    """A tenant's administrator who logs in with `secret`."""
    user = User(new_id(), people.tenant_id, b"", "ann@example.com", Role.ROLE_TENANT_ADMIN, NOW_MS)
    await store.users.add(user, password_hash=await passwords.hash("secret"))
    return user
