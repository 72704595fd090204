"""What every test run shares."""

from collections.abc import Iterator

import pytest
from doubles.postgres_server import PostgresServer

pytest_plugins = ["real_parts"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL server for the whole run. Whoever stops it needs one of its own."""
    server = PostgresServer()
    server.start()
    yield server
    server.stop()
    server.remove()
