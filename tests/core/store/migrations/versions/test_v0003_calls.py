"""Device profiles from before leave the body of calls as it was; calls can be stored at once."""

import pytest
from alembic import command
from alembic.config import Config
from doubles.call_rows import new_call
from doubles.postgres_server import PostgresServer
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from trunkline.contract.ids import new_id
from trunkline.core.identity.model import Contact
from trunkline.core.store.database import MIGRATIONS
from trunkline.core.store.store import Store

TENANT, PROFILE = new_id(), new_id()
CREATED_MS = 1_720_000_000_000


@pytest.fixture
async def url(url: str, request: pytest.FixtureRequest) -> str:
    """A database that is empty."""
    if url.startswith("sqlite"):
        return url
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(await server.make_database(migrated=False))


def before(connection: Connection) -> None:
    """The schema of the release before, and a profile in it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0002")
    _insert(connection, "tenants", id=TENANT, title="Tenant", create_unix_ms=CREATED_MS, version=1)
    _insert(
        connection,
        "device_profiles",
        id=PROFILE,
        tenant_id=TENANT,
        name="default",
        is_default=True,
        create_unix_ms=CREATED_MS,
        version=1,
    )


def _insert(connection: Connection, table: str, **values: object) -> None:
    columns = ", ".join(values)
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES (:{', :'.join(values)})"), values)


async def test_what_was_there_goes_on(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.run_sync(before)
    await engine.dispose()
    store = await Store.open(url)
    profile = await store.profiles.find(PROFILE)
    assert profile is not None
    assert not profile.details.deadline_in_body
    tenant = await store.tenants.find(TENANT)
    assert tenant is not None
    assert (tenant.region, tenant.contact) == ("Global", Contact())
    call = new_call(TENANT, new_id(), 1)
    assert await store.calls.write([call], []) == frozenset()
    assert await store.calls.versions([(TENANT, call.call_id)]) == {(TENANT, call.call_id): 1}
    await store.close()
