"""Pages that need nothing but a demo server, as written."""

from pathlib import Path

import pytest
from system.pages import read_along
from system.runners import serve


@pytest.mark.needs("curl")
@pytest.mark.parametrize("page", ["people.md", "device-profiles.md", "stored-calls.md"])
def test_as_written(page: str, tmp_path: Path) -> None:
    with serve("parts", tmp_path / ".trunkline") as served:
        read_along(page, served, tmp_path)
