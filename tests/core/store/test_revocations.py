"""Revocations on disk."""

from dataclasses import replace

from trunkline.contract.ids import new_id
from trunkline.core.store.revocations import Revocation
from trunkline.core.store.store import Store


async def test_living_ones_come_back_and_others_are_gone(store: Store) -> None:
    user_id = new_id()
    of_user = Revocation(user_id, b"", 10, 300)
    of_session = Revocation(user_id, new_id(), 10, 200)
    old = Revocation(new_id(), b"", 1, 100)
    for revocation in (of_user, of_session, old):
        await store.revocations.add(revocation)
    assert await store.revocations.living(100) == [of_session, of_user]
    assert await store.revocations.living(0) == [of_session, of_user]


async def test_a_later_one_takes_the_earlier_ones_place(store: Store) -> None:
    first = Revocation(new_id(), b"", 10, 300)
    second = replace(first, issued_before_unix_ms=20, forget_unix_ms=400)
    await store.revocations.add(first)
    await store.revocations.add(second)
    assert await store.revocations.living(0) == [second]
