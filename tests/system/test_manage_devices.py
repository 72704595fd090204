"""The page on managing devices as written, with a second server to bring devices over from."""

from pathlib import Path

import pytest
from system.pages import read_along, shell
from system.runners import serve

ELSEWHERE = "https://thingsboard.example"


@pytest.mark.needs("curl")
def test_as_written(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    with serve("parts", here / ".trunkline") as served, serve("one", there) as other:
        shell(other, here, 'trunkline device create "Fan from elsewhere"')
        read_along("manage-devices.md", served, here, names={ELSEWHERE: other.rest}, TRUNKLINE_FROM_PASSWORD="tenant")
        shell(served, here, 'trunkline device show "Fan from elsewhere"')
