"""The migrations make what the tables say."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.core.store.database import Database
from trunkline.core.store.tables import metadata


async def test_the_migrations_make_these_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async def work(connection: AsyncConnection) -> list[object]:
        return await connection.run_sync(differences)

    assert await database.run(work) == []


def test_every_table_and_constraint_has_a_name_of_its_own() -> None:
    # Only what has a name can be changed by a later migration.
    names = [constraint.name for table in metadata.tables.values() for constraint in table.constraints]
    assert None not in names
    assert len(set(names)) == len(names)
