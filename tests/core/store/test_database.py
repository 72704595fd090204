"""Opening, transactions that end whatever happens to their waiter, and failures."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.core.store.database import IN_LIMIT, CommitUnknown, Database, parts, shown, sqlite_url
from trunkline.core.store.starts import Starts
from trunkline.v1.error_pb2 import ErrorReason


async def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    with pytest.raises(TrunklineError) as caught:
        await Database.open(sqlite_url(tmp_path / "nowhere" / "trunkline.db"))
    for thread in set(threading.enumerate()) - threads:  # the driver's still has a word for this loop
        await asyncio.to_thread(thread.join, 10)
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "trunkline.db"
    path.write_text("this is no database, and long enough that SQLite must notice it" * 40)
    with pytest.raises(TrunklineError, match=r"trunkline.db cannot be opened: file is not a database$") as caught:
        await Database.open(sqlite_url(path))
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://h/d", "postgresql://u:secret@h:port/d", "postgresql://[/d"])
async def test_what_is_no_url_of_a_database_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        await Database.open(url)
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://u:secret@h:5433/d?password=secret&sslmode=require", "postgresql://u:***@h:5433/d"),
        ("postgres://u@h/d", "postgresql://u@h/d"),
        ("sqlite+aiosqlite:////tmp/trunkline.db", "sqlite+aiosqlite:////tmp/trunkline.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, told: str) -> None:
    assert shown(url) == told


def test_long_lists_come_in_parts() -> None:
    assert list(parts([])) == []
    assert list(parts(range(IN_LIMIT))) == [list(range(IN_LIMIT))]
    assert [len(part) for part in parts(range(2 * IN_LIMIT + 1))] == [IN_LIMIT, IN_LIMIT, 1]


async def test_what_a_block_raises_undoes_what_it_did(database: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO starts VALUES (1, 0)"))
        await connection.execute(text("INSERT INTO starts VALUES (1, 0)"))

    async def count(connection: AsyncConnection) -> object:
        return (await connection.execute(text("SELECT count(*) FROM starts"))).scalar_one()

    with pytest.raises(IntegrityError):
        await database.run(work)
    assert await database.run(count) == 0


async def test_what_cannot_be_done_was_certainly_not_committed(database: Database) -> None:
    with pytest.raises(TrunklineError) as caught:
        await database.run(lambda connection: connection.execute(text("SELECT * FROM nothing_of_the_kind")))
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    assert not isinstance(caught.value, CommitUnknown)


async def test_a_schema_change_that_fails_half_way_undoes_its_first_half(database: Database) -> None:
    async def change(connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE half (id INTEGER)"))
        await connection.execute(text("CREATE TABLE tenants (id INTEGER)"))  # there is one

    with pytest.raises(TrunklineError):
        await database.run(change)
    await database.run(lambda connection: connection.execute(text("CREATE TABLE half (id INTEGER)")))


async def test_a_transaction_whose_waiter_left_still_ends(database: Database) -> None:
    starts = Starts(database)
    for turns in range(40):  # cancelled at every point of its way
        waiter = asyncio.create_task(starts.next_start(0))
        for _ in range(turns):
            await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
    async with asyncio.timeout(10):
        number = await starts.next_start(0)
    assert number == 40  # the first was cancelled before it began


@pytest.mark.parametrize("alone", [True, False])
async def test_what_one_transaction_reads_the_next_one_finds_done(database: Database, alone: bool) -> None:
    async def add_one(connection: AsyncConnection) -> None:
        highest = await connection.scalar(text("SELECT coalesce(max(number), 0) FROM starts"))
        await asyncio.sleep(0)
        await connection.execute(text(f"INSERT INTO starts VALUES ({highest + 1}, 0)"))

    async def count(connection: AsyncConnection) -> object:
        return (await connection.execute(text("SELECT count(*) FROM starts"))).scalar_one()

    adding = [database.run(add_one) for _ in range(20)]
    beside = [database.run(count, alone=alone) for _ in range(20)]
    await asyncio.gather(*adding, *beside)
    assert await database.run(count) == 20


async def test_close_lets_running_transactions_end(url: str) -> None:
    database = await Database.open(url)
    waiter = asyncio.create_task(Starts(database).next_start(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await database.close()
    assert await waiter == 1
    with pytest.raises(TrunklineError):
        await Starts(database).next_start(0)
    again = await Database.open(url)
    assert await Starts(again).next_start(0) == 2
    await again.close()
