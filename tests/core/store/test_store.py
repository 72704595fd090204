"""The store does what every store must do, on each database."""

from conformance.check_store import check_store

from trunkline.core.store.store import Store


async def test_it_does_what_a_store_must_do(url: str) -> None:
    await check_store(lambda: Store.open(url))
