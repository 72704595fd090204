"""What is asked at a start, for a late reply or for a clean-up must not read all the calls there ever were."""

import re

import pytest
from doubles.call_rows import new_call
from doubles.people import People
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.ids import new_id
from trunkline.core.store import call_queries
from trunkline.core.store.store import Store
from trunkline.core.store.tables import calls

DEVICE = new_id()

QUESTIONS = {
    "pk_calls|sqlite_autoindex_calls_": select(calls).where(call_queries.with_ids(DEVICE, [DEVICE, b"", new_id()])),
    "ix_calls_living": call_queries.living(0, 100),
    "ix_calls_device_id_request_id": select(calls).where(calls.c.device_id == DEVICE, calls.c.request_id == 5),
    "ix_calls_end_unix_ms": call_queries.ended_before(5, 100),
    "ix_calls_idempotency_key": select(calls).where(call_queries.with_key(DEVICE, DEVICE, "key")),
}


@pytest.mark.parametrize("index", QUESTIONS)
async def test_the_database_uses_the_index_that_was_made_for_it(store: Store, people: People, index: str) -> None:
    ended = [
        new_call(people.tenant_id, DEVICE, ordinal, end_unix_ms=ordinal, idempotency_key=f"key {ordinal}")
        for ordinal in range(1, 1_000)
    ]
    await store.calls.write([*ended, new_call(people.tenant_id, DEVICE, 1_000)], [])
    assert re.search(index, await plan(store, QUESTIONS[index]))


async def plan(store: Store, query: Select[*tuple[object, ...]]) -> str:
    """How the database would answer, once it has looked at how many rows there are."""

    async def work(connection: AsyncConnection) -> str:
        await connection.execute(text("ANALYZE"))
        asked = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        values = tuple(asked.params[name] for name in asked.positiontup or ())
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        return str((await connection.exec_driver_sql(f"{explain} {asked}", values)).all())

    return await store.calls._database.run(work)
