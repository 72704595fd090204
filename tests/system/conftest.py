"""One running demo server for all system tests of a layout."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from system.runners import Served, serve


@pytest.fixture(scope="session", params=["parts", "one"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`trunkline serve --demo`, once for each layout."""
    data_dir: Path = tmp_path_factory.mktemp("data")
    with serve(request.param, data_dir) as running:
        yield running
