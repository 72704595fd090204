"""Tenants take turns, each in its own order."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.calls.turns import Turns


def test_a_single_call_does_not_wait_behind_anothers_thousand() -> None:
    turns: Turns[str, int] = Turns()
    for number in range(1000):
        turns.add("busy", number)
    turns.add("quiet", -1)
    assert -1 in turns.take(2)
    assert turns.take(3) == [1, 2, 3]


def test_one_tenant_alone_is_taken_in_order() -> None:
    turns: Turns[str, int] = Turns()
    for number in range(5):
        turns.add("a", number)
    assert turns.take(3) == [0, 1, 2]
    assert turns.take(3) == [3, 4]
    assert turns.take(3) == []
    assert not turns


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5))), st.integers(1, 4))
def test_nothing_is_lost_and_nobody_is_passed_over(steps: list[tuple[int, int]], n: int) -> None:
    turns: Turns[int, tuple[int, int]] = Turns()
    waiting: dict[int, list[tuple[int, int]]] = {}
    serial = 0
    for tenant, count in steps:
        for _ in range(count):
            turns.add(tenant, (tenant, serial))
            waiting.setdefault(tenant, []).append((tenant, serial))
            serial += 1
        active = [tenant for tenant, items in waiting.items() if items]
        taken = turns.take(n)
        assert len(taken) == min(n, sum(map(len, waiting.values())))
        for item in taken:
            assert waiting[item[0]].pop(0) == item
        if n <= len(active):
            assert len({tenant for tenant, _ in taken}) == n
    assert len(turns) == sum(map(len, waiting.values()))
