"""A file that keeps what it was told, keeps it to itself, and says so when it cannot."""

import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from doubles.call_rows import new_call
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.model import Tenant
from trunkline.core.store.database import CommitUnknown, Database, sqlite_url
from trunkline.core.store.starts import Starts
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason


async def pragma(database: Database, name: str) -> object:
    async def work(connection: AsyncConnection) -> object:
        return (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()

    return await database.run(work)


def modes(folder: Path) -> set[int]:
    """The permissions of the files in a folder."""
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """As on a disk that is full; for this process only."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


async def test_it_survives_power_loss_and_nobody_else_reads_it(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "trunkline.db"))
    assert await pragma(database, "journal_mode") == "wal"
    assert await pragma(database, "synchronous") == 2  # FULL
    assert await pragma(database, "foreign_keys") == 1
    assert modes(tmp_path) == {0o600}
    await database.close()


async def test_the_driver_need_not_be_named(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'trunkline.db'}")
    assert await Starts(database).next_start(0) == 1
    await database.close()


async def test_a_commit_onto_a_full_disk_may_have_happened_and_did_not(tmp_path: Path) -> None:
    path = tmp_path / "trunkline.db"
    database = await Database.open(sqlite_url(path))
    await Starts(database).next_start(0)
    with no_file_grows_beyond((tmp_path / "trunkline.db-wal").stat().st_size), pytest.raises(CommitUnknown) as caught:
        await Starts(database).next_start(0)
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    assert await Starts(database).next_start(0) == 2
    await database.close()


async def test_a_statement_that_does_not_fit_was_certainly_not_committed(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "trunkline.db"))
    pages = await pragma(database, "page_count")

    async def fill(connection: AsyncConnection) -> None:
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        await connection.execute(text("CREATE TABLE filler AS SELECT zeroblob(10000000)"))

    with pytest.raises(TrunklineError) as caught:
        await database.run(fill)
    assert not isinstance(caught.value, CommitUnknown)
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    assert await Starts(database).next_start(0) == 1
    await database.close()


async def test_calls_that_do_not_fit_were_certainly_not_written(tmp_path: Path) -> None:
    store = await Store.open(sqlite_url(tmp_path / "trunkline.db"))
    tenant = Tenant(new_id(), "Tenant", 0)
    await store.tenants.add(tenant)
    database = store.calls._database
    await pragma(database, f"max_page_count = {await pragma(database, 'page_count')}")
    large, small = new_call(tenant.id, new_id(), 1, params=bytes(1_000_000)), new_call(tenant.id, new_id(), 2)
    with pytest.raises(TrunklineError) as caught:
        await store.calls.write([small, large], [])
    assert not isinstance(caught.value, CommitUnknown)
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    assert await store.calls.living(-1, 10) == []
    assert await store.calls.write([small], []) == frozenset()
    await store.close()
