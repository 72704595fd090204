"""Opening, transactions that end whatever happens to their waiter, and failures."""

import asyncio
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.core.store.database import Database, sqlite_url
from trunkline.core.store.starts import Starts
from trunkline.v1.error_pb2 import ErrorReason


async def pragma(database: Database, name: str) -> object:
    async def work(connection: AsyncConnection) -> object:
        return (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()

    return await database.run(work)


def modes(folder: Path) -> set[int]:
    """The permissions of the files in a folder."""
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_sqlite_keeps_what_it_was_told_and_keeps_it_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "trunkline.db"
    database = await Database.open(sqlite_url(path))
    assert await pragma(database, "journal_mode") == "wal"
    assert await pragma(database, "synchronous") == 2  # FULL
    assert await pragma(database, "foreign_keys") == 1
    assert modes(tmp_path) == {0o600}
    await database.close()


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
    with pytest.raises(TrunklineError) as caught:
        await Database.open(sqlite_url(path))
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE


async def test_what_a_block_raises_undoes_what_it_did(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "trunkline.db"))

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO starts VALUES (1, 0)"))
        await connection.execute(text("INSERT INTO starts VALUES (1, 0)"))

    async def count(connection: AsyncConnection) -> object:
        return (await connection.execute(text("SELECT count(*) FROM starts"))).scalar_one()

    with pytest.raises(IntegrityError):
        await database.run(work)
    assert await database.run(count) == 0
    await database.close()


async def test_a_schema_change_that_fails_half_way_undoes_its_first_half(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "trunkline.db"))

    async def change(connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE half (id INTEGER)"))
        await connection.execute(text("CREATE TABLE tenants (id INTEGER)"))  # there is one

    async def tables(connection: AsyncConnection) -> set[str]:
        return set((await connection.execute(text("SELECT name FROM sqlite_master"))).scalars())

    with pytest.raises(TrunklineError):
        await database.run(change)
    assert "half" not in await database.run(tables)
    await database.close()


async def test_a_transaction_whose_waiter_left_still_ends(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "trunkline.db"))
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
    await database.close()


async def test_close_lets_running_transactions_end(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "trunkline.db")
    database = await Database.open(url)
    waiter = asyncio.create_task(Starts(database).next_start(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await database.close()
    assert await waiter == 1
    again = await Database.open(url)
    assert await Starts(again).next_start(0) == 2
    await again.close()
