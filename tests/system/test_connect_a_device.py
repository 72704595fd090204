"""The page on connecting devices as written: each way registers its device, lets it connect, and calls it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from system.pages import shell
from system.runners import ROOT, Served, serve

BLOCK: Final = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def ways() -> dict[str, tuple[str, str, str]]:
    """By heading: how the device is registered, the device, and the call."""
    page = (ROOT / "docs" / "connect-a-device.md").read_text()
    found: dict[str, tuple[str, str, str]] = {}
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        if blocks := BLOCK.findall(section):
            (register, device, call) = blocks
            assert [language for language, _ in blocks] == ["sh", "python", "sh"]
            found[section.partition("\n")[0]] = (register[1], device[1], call[1])
    return found


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader stands: the data directory is `.trunkline` below."""
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def demo(here: Path) -> Iterator[Served]:
    with serve("parts", here / ".trunkline") as served:
        yield served


@contextmanager
def running(served: Served, here: Path, device: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", served.at_these_ports(device)], cwd=here)
    try:
        yield
        assert process.poll() is None, "the device ended"
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("way", ways())
def test_as_written(demo: Served, here: Path, way: str) -> None:
    register, device, call = ways()[way]
    shell(demo, here, register)
    with running(demo, here, device):
        answer = shell(demo, here, call)
    assert re.fullmatch(r'\{"pump":\d\}\n', answer)
