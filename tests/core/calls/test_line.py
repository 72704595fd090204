"""Stored calls stay in their order, whatever order they come and go in."""

from doubles.waiting_calls import stored_call
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.calls.line import Line


@given(st.lists(st.tuples(st.sampled_from(["add", "discard", "take"]), st.integers(1, 8))))
def test_a_line_is_a_sorted_set(steps: list[tuple[str, int]]) -> None:
    calls = {ordinal: stored_call(ordinal) for ordinal in range(1, 9)}
    line, expected = Line(), set[int]()
    for step, ordinal in steps:
        if step == "add":
            line.add(calls[ordinal])
            expected.add(ordinal)
        elif step == "discard":
            line.discard(calls[ordinal])
            expected.discard(ordinal)
        elif expected:
            assert line.take_first() is calls[min(expected)]
            expected.remove(min(expected))
        assert [call.request_id for call in line] == sorted(expected)
        assert len(line) == len(expected)
        assert [ordinal for ordinal in calls if calls[ordinal] in line] == sorted(expected)
        if expected:
            assert (line.first, line.last) == (calls[min(expected)], calls[max(expected)])


def test_another_call_of_the_same_place_is_not_taken_for_it() -> None:
    line = Line([stored_call(1)])
    line.discard(stored_call(1))
    assert len(line) == 1
    assert stored_call(1) not in line
    line.clear()
    assert not line
