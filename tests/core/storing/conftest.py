"""What the tests of stored calls share: a real store with a tenant, and calls of it."""

from collections.abc import AsyncIterator

import pytest
from doubles.faulty_database import FaultyDatabase
from doubles.people import People

from trunkline.core.store.store import Store


@pytest.fixture
def tenant_id(people: People) -> bytes:
    return people.tenant_id


@pytest.fixture
async def database(store: Store) -> AsyncIterator[FaultyDatabase]:
    """The store's, which the test may break."""
    faulty = FaultyDatabase(store)
    yield faulty
    faulty.mend()
