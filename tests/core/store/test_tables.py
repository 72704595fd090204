"""The migrations make what the tables say."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from trunkline.core.store.database import migrate
from trunkline.core.store.tables import metadata


def test_the_migrations_make_these_tables() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        migrate(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_every_table_and_constraint_has_a_name_of_its_own() -> None:
    # Only what has a name can be changed by a later migration.
    names = [constraint.name for table in metadata.tables.values() for constraint in table.constraints]
    assert None not in names
    assert len(set(names)) == len(names)
