"""The store on SQLite does what every store must do."""

from pathlib import Path

from conformance.check_store import check_store

from trunkline.core.store.database import sqlite_url
from trunkline.core.store.store import Store


async def test_sqlite_does_what_a_store_must_do(tmp_path: Path) -> None:
    await check_store(lambda: Store.open(sqlite_url(tmp_path / "trunkline.db")))
