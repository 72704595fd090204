"""Every test of the store runs on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.postgres_server import PostgresServer

from trunkline.core.store.database import Database, sqlite_url
from trunkline.core.store.store import Store


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgres"))])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database that is no older than this version."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "trunkline.db")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = await server.make_database()
    yield server.url(name)
    await server.drop_database(name)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await Store.open(url)
    yield opened
    await opened.close()
