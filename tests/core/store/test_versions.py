"""What somebody changed meanwhile is not overwritten unseen."""

import pytest
from doubles.people import People
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.store.store import Store
from trunkline.core.store.tables import tenants
from trunkline.core.store.versions import change_row
from trunkline.v1.error_pb2 import ErrorReason


async def changed(store: Store, tenant_id: bytes, title: str, version: int) -> tuple[str, int] | None:
    async def work(connection: AsyncConnection) -> tuple[str, int] | None:
        row = await change_row(connection, tenants, tenant_id, {"title": title}, version=version, noun="Tenant")
        return (row.title, row.version) if row is not None else None

    return await store.tenants._database.run(work)


async def test_only_the_version_that_was_read_is_replaced(store: Store, people: People) -> None:
    assert await changed(store, people.tenant_id, "a", 1) == ("a", 2)
    with pytest.raises(TrunklineError, match="Tenant was already changed by someone else") as caught:
        await changed(store, people.tenant_id, "b", 1)
    assert caught.value.reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT
    assert await changed(store, people.tenant_id, "c", 2) == ("c", 3)


async def test_without_a_version_whatever_is_there_is_replaced(store: Store, people: People) -> None:
    assert await changed(store, people.tenant_id, "a", 0) == ("a", 2)
    assert await changed(store, people.tenant_id, "b", 0) == ("b", 3)


async def test_what_is_not_there_has_no_version_to_conflict_with(store: Store) -> None:
    assert await changed(store, new_id(), "a", 0) is None
    assert await changed(store, new_id(), "a", 7) is None
