"""Runs what a page of documentation tells its reader to type, and holds it to what the page says is printed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from system.runners import ROOT, Served

BLOCK: Final = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END_OF_STEP: Final = "--- end of step ---"


def steps(page: str) -> Iterator[tuple[str, str | None]]:
    """The page's `sh` blocks in order, each with the `text` block right behind it that says what it prints, if any."""
    found = BLOCK.findall((ROOT / "docs" / page).read_text())
    for (language, content), following in zip(found, [*found[1:], ("", "")], strict=True):
        if language == "sh":
            yield content, following[1] if following[0] == "text" else None


def read_along(
    page: str, served: Served, here: Path, names: Mapping[str, str] | None = None, **environment: str
) -> None:
    """Type all of a page into one shell in the folder `here`; `…` in what it says is printed stands for anything.

    `names` are the page's made-up ones and what to type in their place.
    """
    script = served.at_these_ports("".join(f"{commands}echo '{END_OF_STEP}'\n" for commands, _ in steps(page)))
    for made_up, real in (names or {}).items():
        script = script.replace(made_up, real)
    printed = shell(served, here, script, **environment).split(f"{END_OF_STEP}\n")
    for (commands, expected), got in zip(steps(page), printed[:-1], strict=True):
        pattern = re.escape("…" if expected is None else expected).replace("…", ".*?")
        assert re.fullmatch(pattern, got, re.DOTALL), f"{commands}printed\n{got}"


def shell(served: Served, here: Path, commands: str, **environment: str) -> str:
    """What commands print, in a shell where `trunkline` is this one and the server's ports are not the usual ones."""
    programs = here / ".bin"
    programs.mkdir(exist_ok=True)
    command = programs / "trunkline"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m trunkline.cli.main "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],
        input=commands,
        cwd=here,
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "TRUNKLINE_URL": served.rest,
            "TRUNKLINE_MQTT_PORT": str(served.mqtt_port),
            "XDG_CONFIG_HOME": str(here),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
