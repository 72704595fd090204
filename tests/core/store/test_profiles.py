"""Device profiles as rows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, new_id
from trunkline.core.store.database import Database, sqlite_url
from trunkline.core.store.profiles import ProfileRows
from trunkline.core.store.tables import tenants
from trunkline.v1.error_pb2 import ErrorReason

NOW_MS = 1_700_000_000_000

_CONTACT = ("country", "state", "city", "address", "address2", "zip", "phone", "email")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(sqlite_url(tmp_path / "trunkline.db"))
    yield opened
    await opened.close()


@pytest.fixture
async def tenant_id(database: Database) -> bytes:
    return await new_tenant(database)


async def new_tenant(database: Database) -> bytes:
    tenant_id = new_id()
    texts = dict.fromkeys(("title", "region", *_CONTACT), "")
    row = texts | {"id": tenant_id, "create_unix_ms": NOW_MS, "version": 1, "additional_info": b""}

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(tenants).values(row))
        await ProfileRows.add_default(connection, tenant_id, NOW_MS)

    await database.run(work)
    return tenant_id


async def resolve(
    database: Database, tenant_id: bytes, profile_id: bytes = NO_ID, type_name: str = ""
) -> tuple[bytes, str]:
    return await database.run(
        lambda connection: ProfileRows.resolve(connection, tenant_id, profile_id, type_name, NOW_MS)
    )


async def test_a_device_without_a_type_gets_the_default_profile(database: Database, tenant_id: bytes) -> None:
    profile_id, name = await resolve(database, tenant_id)
    assert name == "default"
    assert await resolve(database, tenant_id, type_name="default") == (profile_id, "default")


async def test_an_unknown_type_becomes_a_profile_once(database: Database, tenant_id: bytes) -> None:
    profile_id, name = await resolve(database, tenant_id, type_name="pump")
    assert name == "pump"
    assert await resolve(database, tenant_id, type_name="pump") == (profile_id, "pump")
    assert await resolve(database, tenant_id, profile_id, "something else") == (profile_id, "pump")
    assert (await resolve(database, tenant_id))[1] == "default"


async def test_a_profile_of_another_tenant_does_not_exist(database: Database, tenant_id: bytes) -> None:
    other = await new_tenant(database)
    theirs, _ = await resolve(database, other, type_name="pump")
    assert (await resolve(database, tenant_id, type_name="pump"))[0] != theirs
    with pytest.raises(TrunklineError, match="Device is referencing non existing device profile!") as caught:
        await resolve(database, tenant_id, theirs)
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT


async def test_a_type_has_a_name(database: Database, tenant_id: bytes) -> None:
    with pytest.raises(TrunklineError, match="Device profile name should be specified!"):
        await resolve(database, tenant_id, type_name="  ")
