"""The README's walk-through as written: its device runs, its commands run, and they print what it says they print."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from system.runners import ROOT, Served

BLOCK: Final = re.compile(r"^```(bash|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END_OF_STEP: Final = "--- end of step ---"


def blocks() -> list[tuple[str, str]]:
    """(language, content) of the walk-through's blocks, in order."""
    readme = (ROOT / "README.md").read_text()
    section = re.search(r"^## Walk-through$(.*?)^## ", readme, re.MULTILINE | re.DOTALL)
    assert section is not None
    return BLOCK.findall(section[1])


def steps() -> Iterator[tuple[str, str]]:
    """Each step's commands and what the README says they print."""
    found = blocks()
    for (language, content), following in zip(found, [*found[1:], ("", "")], strict=True):
        if language == "bash":
            yield content, following[1] if following[0] == "text" else ""


@contextmanager
def device(served: Served, script: Path) -> Iterator[None]:
    """The README's device, running."""
    (source,) = [content for language, content in blocks() if language == "python"]
    script.write_text(served.at_these_ports(source))
    process = subprocess.Popen([sys.executable, str(script)])
    try:
        yield
        assert process.poll() is None, "the device ended"
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.needs("curl", "mosquitto_sub")
def test_as_written(served: Served, tmp_path: Path) -> None:
    script = "".join(f"{commands}echo '{END_OF_STEP}'\n" for commands, _ in steps())
    with device(served, tmp_path / "device.py"):
        done = subprocess.run(
            ["bash", "-u"],
            input=served.at_these_ports(script),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(f"{END_OF_STEP}\n") == [*(expected for _, expected in steps()), ""]


def test_the_command_line_call(served: Served, tmp_path: Path) -> None:
    (command,) = re.findall(r"`\.venv/bin/trunkline (call .*?)`", (ROOT / "README.md").read_text())
    with device(served, tmp_path / "device.py"):
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m trunkline.cli.main {command} --url {served.rest}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == '{"done":{"method":"setGpio","params":{"pin":7,"value":1}}}\n', done.stderr
