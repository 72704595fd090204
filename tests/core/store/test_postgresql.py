"""One core on a database, and a server that goes away in every way and comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from doubles.postgres_proxy import PostgresProxy
from doubles.postgres_server import PostgresServer
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.store.database import CommitUnknown, Database
from trunkline.core.store.postgresql import Ownership, postgres_engine
from trunkline.core.store.starts import Starts
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture(scope="module")
def mortal() -> Iterator[PostgresServer]:
    """A server that tests may end; it runs when they are done."""
    server = PostgresServer()
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture
async def name(mortal: PostgresServer) -> str:
    return await mortal.make_database()


@pytest.fixture
async def database(mortal: PostgresServer, name: str) -> AsyncIterator[Database]:
    opened = await Database.open(mortal.url(name))
    yield opened
    await opened.close()


async def refused(database: Database) -> TrunklineError:
    """What a transaction is answered."""
    with pytest.raises(TrunklineError) as caught:
        await Starts(database).next_start(0)
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    return caught.value


async def end_sessions(server: PostgresServer, name: str, where: str = "true") -> int:
    """End the sessions on a database; how many these were."""
    ended = await server.execute(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}' AND {where}"
    )
    return len(ended)


OWNER = "query LIKE '%advisory_lock%'"
"""Of the session whose last statement took the lock."""


async def test_a_second_core_is_told_who_has_the_database(
    mortal: PostgresServer, name: str, database: Database
) -> None:
    second = Ownership(make_url(mortal.url(name)), patience_ms=50)
    with pytest.raises(TrunklineError, match=r"Another core uses this database: trunkline core, process \d+ on .*"):
        await second.claim()
    assert await Starts(database).next_start(0) == 1
    await database.close()
    assert await second.claim()
    await second.give_up()


async def test_a_core_waits_for_the_lock_of_one_that_is_about_to_end(
    mortal: PostgresServer, name: str, database: Database
) -> None:
    second = asyncio.create_task(Database.open(mortal.url(name)))
    waiting = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{name}' AND wait_event = 'advisory'"
    async with asyncio.timeout(10):
        while not await mortal.execute(waiting):
            pass
    await database.close()
    opened = await second
    assert await Starts(opened).next_start(0) == 1
    await opened.close()


async def test_two_databases_on_a_server_have_a_core_each(mortal: PostgresServer, database: Database) -> None:
    other = await Database.open(mortal.url(await mortal.make_database()))
    assert await Starts(other).next_start(0) == await Starts(database).next_start(0) == 1
    await other.close()


async def test_a_crashed_server_is_found_again(mortal: PostgresServer, name: str, database: Database) -> None:
    assert await Starts(database).next_start(0) == 1
    mortal.kill()
    for _ in range(3):
        await refused(database)
    mortal.start()
    assert await Starts(database).next_start(0) > 1  # some numbers are lost in a crash
    with pytest.raises(TrunklineError, match="Another core"):
        await Ownership(make_url(mortal.url(name)), patience_ms=50).claim()


async def test_whoever_waits_for_the_server_is_answered_when_it_crashes(
    mortal: PostgresServer, name: str, database: Database
) -> None:
    async def wait(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT pg_sleep(60)"))

    waiting = asyncio.create_task(database.run(wait))
    async with asyncio.timeout(10):
        while not await mortal.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
            pass
    mortal.kill()
    with pytest.raises(TrunklineError) as caught:
        await waiting
    assert not isinstance(caught.value, CommitUnknown)
    mortal.start()
    assert await Starts(database).next_start(0) == 1


async def test_a_server_that_hangs_is_given_up(mortal: PostgresServer, name: str) -> None:
    url = make_url(mortal.url(name))
    database = Database(postgres_engine(url), Ownership(url), limit_s=0.5)
    assert await Starts(database).next_start(0) == 1

    async def wait(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT pg_sleep(60)"))

    with pytest.raises(TrunklineError) as caught:
        await database.run(wait)
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    assert await Starts(database).next_start(0) == 2
    await database.close()


async def test_connections_that_the_server_closed_are_no_failure(
    mortal: PostgresServer, name: str, database: Database
) -> None:
    assert await Starts(database).next_start(0) == 1
    assert await end_sessions(mortal, name, f"NOT {OWNER}") > 0
    assert await Starts(database).next_start(0) == 2
    assert await end_sessions(mortal, name, OWNER) == 1
    assert await Starts(database).next_start(0) == 3
    assert await end_sessions(mortal, name, OWNER) == 1  # the lock was taken anew


async def test_nothing_is_committed_without_the_lock(mortal: PostgresServer, name: str, database: Database) -> None:
    async def lose_it(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO starts VALUES (100, 0)"))
        assert await end_sessions(mortal, name, OWNER) == 1

    with pytest.raises(TrunklineError) as caught:
        await database.run(lose_it)
    assert not isinstance(caught.value, CommitUnknown)
    assert await Starts(database).next_start(0) == 1


async def test_who_takes_the_database_meanwhile_keeps_it(mortal: PostgresServer, name: str) -> None:
    url = make_url(mortal.url(name))
    database = Database(postgres_engine(url), Ownership(url, patience_ms=50))
    assert await Starts(database).next_start(0) == 1
    assert await end_sessions(mortal, name) > 0
    second = Ownership(url)
    await second.claim()
    assert "Another core" in (await refused(database)).message
    await second.give_up()
    assert await Starts(database).next_start(0) == 2
    await database.close()


async def test_a_value_that_it_cannot_look_for_is_the_asker_s_fault(mortal: PostgresServer, name: str) -> None:
    store = await Store.open(mortal.url(name))
    for question in (store.users.find_login("a\x00"), store.customers.find_by_title(new_id(), "\x00")):
        with pytest.raises(TrunklineError) as caught:
            await question
        assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert await store.customers.find_by_title(new_id(), "a" * 100_000) is None
    await store.close()


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_commit_without_an_answer_may_have_happened(
    mortal: PostgresServer, name: str, tmp_path: Path, carried_out: bool
) -> None:
    async with PostgresProxy(tmp_path, mortal.folder) as proxy:
        database = await Database.open(mortal.url(name).replace(str(mortal.folder), str(tmp_path)))
        if carried_out:
            proxy.lose_answer()
        else:
            proxy.lose_commit()
        assert isinstance(await refused(database), CommitUnknown)
        assert await Starts(database).next_start(0) == 2  # a number, once taken, is gone either way
        rows = await mortal.execute("SELECT number FROM starts ORDER BY number", database=name)
        assert [row["number"] for row in rows] == ([1, 2] if carried_out else [2])
        await database.close()


@pytest.mark.parametrize(
    ("options", "setting", "complaint"),
    [
        ("", "SET synchronous_commit = off", "ALTER DATABASE … SET synchronous_commit = on"),
        ("TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'", "", "ENCODING 'UTF8'"),
    ],
)
async def test_a_database_that_cannot_keep_calls_is_refused(
    mortal: PostgresServer, options: str, setting: str, complaint: str
) -> None:
    await mortal.execute(f"CREATE DATABASE unfit {options}")
    if setting:
        await mortal.execute(f"ALTER DATABASE unfit {setting}")
    with pytest.raises(TrunklineError, match=complaint) as caught:
        await Database.open(mortal.url("unfit"))
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    await mortal.drop_database("unfit")


async def test_a_database_that_is_not_there_is_named_without_its_password(mortal: PostgresServer) -> None:
    url = f"postgresql://trunkline:secret@/nowhere?host={mortal.folder}&password=secret"
    with pytest.raises(TrunklineError) as caught:
        await Database.open(url)
    assert 'database "nowhere" does not exist' in caught.value.message
    assert "secret" not in caught.value.message
