"""Deadlines wake each key once, at the time it said last."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trunkline.core.calls.deadlines import SLACK, Deadlines


def test_arming_again_replaces_the_time() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.arm("a", 10)
    deadlines.arm("b", 20)
    deadlines.arm("a", 30)
    assert deadlines.next_at() == 20
    assert deadlines.due(25) == ["b"]
    assert deadlines.due(30) == ["a"]
    assert deadlines.next_at() is None


def test_disarmed_keys_are_not_woken() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.arm("a", 10)
    deadlines.disarm("a")
    deadlines.disarm("never armed")
    assert deadlines.due(10) == []
    assert len(deadlines) == 0


def test_outdated_entries_do_not_pile_up() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for at in range(10_000):
        deadlines.arm("a", 1_000_000 - at)
    assert len(deadlines._heap) <= SLACK + 3
    assert deadlines.due(1_000_000) == ["a"]


class DeadlinesAgainstDict(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.deadlines: Deadlines[int] = Deadlines()
        self.armed: dict[int, int] = {}

    @rule(key=st.integers(0, 5), at=st.integers(0, 100))
    def arm(self, key: int, at: int) -> None:
        self.deadlines.arm(key, at)
        self.armed[key] = at

    @rule(key=st.integers(0, 5))
    def disarm(self, key: int) -> None:
        self.deadlines.disarm(key)
        self.armed.pop(key, None)

    @rule(now=st.integers(0, 100))
    def due(self, now: int) -> None:
        keys = self.deadlines.due(now)
        assert sorted(keys) == sorted(key for key, at in self.armed.items() if at <= now)
        assert [self.armed[key] for key in keys] == sorted(self.armed[key] for key in keys)
        for key in keys:
            del self.armed[key]

    @invariant()
    def next_is_the_earliest(self) -> None:
        assert self.deadlines.next_at() == min(self.armed.values(), default=None)
        assert len(self.deadlines) == len(self.armed)


TestDeadlinesAgainstDict = DeadlinesAgainstDict.TestCase
