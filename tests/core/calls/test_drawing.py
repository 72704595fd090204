"""core/README.md shows the rules as they are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trunkline.core.calls.drawing import diagram, ending_table, rule_table, strategy_table

README = Path(__file__).parents[3] / "core" / "README.md"


@pytest.mark.parametrize("draw", [diagram, rule_table, ending_table, strategy_table])
def test_the_readme_shows_what_is_drawn(draw: Callable[[], str]) -> None:
    drawn = draw()
    assert drawn in README.read_text(), f"core/README.md is out of date; it should hold:\n{drawn}"
