"""The page on people as written."""

from pathlib import Path

import pytest
from system.pages import read_along
from system.runners import serve


@pytest.mark.needs("curl")
def test_as_written(tmp_path: Path) -> None:
    with serve("parts", tmp_path / ".trunkline") as served:
        read_along("people.md", served, tmp_path)
