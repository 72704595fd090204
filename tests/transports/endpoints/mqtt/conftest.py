"""Sockets are tested on both loops."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    """Workers run on uvloop, whose transports differ from asyncio's own in small ways."""
    own: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    both = item.path.name in ("test_server.py", "test_fuzz.py")
    return own | {"uvloop": uvloop.new_event_loop} if both else own
