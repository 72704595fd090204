import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.journal.cursor import SNAPSHOT, Cursors


@given(st.integers(1, 1 << 31), st.integers(0, 1 << 60))
def test_a_cursor_leads_back_in_its_own_start_only(start: int, number: int) -> None:
    text = Cursors(start).text(number)
    assert Cursors(start).number(text) == number
    assert Cursors(start + 1).number(text) is None


@pytest.mark.parametrize(
    "text", ["", SNAPSHOT, "1", "1-", "-1", "1-g", "1-1\n", " 1-1", "1-١", "1-" + "f" * 17, "x" * 9_999]
)
def test_whatever_else_somebody_shows_is_none(text: str) -> None:
    assert Cursors(1).number(text) is None
