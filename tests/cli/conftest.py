"""A running demo server for what the command line does with one."""

import asyncio
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvloop
from system.runners import Served, serve

from trunkline.cli.main import main


@pytest.fixture(autouse=True)
def config_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test meets the logins of whoever runs it, nor those of another test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("URL", "TOKEN", "USER", "PASSWORD"):
        monkeypatch.delenv(f"TRUNKLINE_{name}", raising=False)
    return tmp_path / "config"


@dataclass(frozen=True)
class Ended:
    """What became of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON of a command that succeeded."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Typed = Callable[..., Ended]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Typed:
    """Runs what is typed after `trunkline`, in this process; `given` is its standard input."""
    monkeypatch.setenv("GRPC_EXPERIMENTS", "")  # which the command sets, and which is put back after the test

    def run(*arguments: str, given: str = "") -> Ended:
        monkeypatch.setattr("sys.argv", ["trunkline", *arguments])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        code = end.value.code
        shown = capfd.readouterr()
        return Ended(code if isinstance(code, int) else 0, str(shown.out), str(shown.err))

    return run


@pytest.fixture
def at_demo(demo: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Commands ask the demo, as its tenant administrator unless told otherwise."""
    monkeypatch.setenv("TRUNKLINE_URL", demo.rest)
    return demo


@pytest.fixture
def lamp(typed: Typed, at_demo: Served, request: pytest.FixtureRequest) -> Iterator[str]:
    """A device that has never connected, by its name."""
    name = f"Lamp of {request.node.name}"
    assert typed("device", "create", name).code == 0
    yield name
    assert typed("device", "delete", "--yes", name).code == 0


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`trunkline serve --demo`, all in one process."""
    with serve("one", tmp_path_factory.mktemp("demo")) as served:
        yield served


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Another server, to bring devices over from."""
    with serve("one", tmp_path_factory.mktemp("other")) as served:
        yield served


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Simulated devices run on uvloop and, where others reuse them, on asyncio's own loop: transports differ."""
    own = {"asyncio": asyncio.new_event_loop}
    return own | {"uvloop": uvloop.new_event_loop} if item.path.name == "test_fleet.py" else own
