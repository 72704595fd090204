import pytest
from doubles.journal_scenery import Scenery, scenery_on
from doubles.people import People

from trunkline.core.store.store import Store


@pytest.fixture
async def scenery(store: Store, people: People) -> Scenery:
    return await scenery_on(store, people)
