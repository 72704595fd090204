"""The start number: what makes request ids and epochs grow over restarts."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.core.store.database import Database
from trunkline.core.store.tables import starts


class Starts:
    """How often the core has started on this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next_start(self, now_unix_ms: int) -> int:
        """The number of this start, 1 for the first; committed when this returns."""

        async def work(connection: AsyncConnection) -> int:
            row = insert(starts).values(started_unix_ms=now_unix_ms).returning(starts.c.number)
            number: int = (await connection.execute(row)).scalar_one()
            return number

        return await self._database.run(work)
