"""A running demo server for what the command line does with one."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop
from system.runners import Served, serve


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`trunkline serve --demo`, all in one process."""
    with serve("one", tmp_path_factory.mktemp("demo")) as served:
        yield served


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Simulated devices run on uvloop and, where others reuse them, on asyncio's own loop: transports differ."""
    own = {"asyncio": asyncio.new_event_loop}
    return own | {"uvloop": uvloop.new_event_loop} if item.path.name == "test_fleet.py" else own
