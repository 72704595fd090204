"""Alembic's entry point: it runs the changes on the connection that the store hands over."""

from alembic import context

from trunkline.core.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,  # the store's own transaction holds all changes, SQLite's too
)
context.run_migrations()
