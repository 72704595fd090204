"""The real parts that tests need beyond Python packages: which, how to install them, and what was skipped without them.

A test says `@pytest.mark.needs("mosquitto")`. Where the program is missing the test is skipped and the run ends
by naming the part and the command that installs it; with CI=true any skip is a failure, so CI never tests less than it
says.
"""

import os
import shutil
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

INSTALL: Final = {
    "curl": "apt-get install curl",
    "make": "apt-get install make",
    "mosquitto": "apt-get install mosquitto",
    "mosquitto_sub": "apt-get install mosquitto-clients",
    "node": "make setup",
    "npm": "make setup",
    "openssl": "apt-get install openssl",
    "postgres": "apt-get install postgresql",
    "wrk": "apt-get install wrk",
}
"""Program to look for on the PATH, and the command that brings it."""

_SKIPPED = pytest.StashKey[dict[str, list[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker; let the programs that came with the environment (Node.js), and PostgreSQL's server, be found
    behind the machine's."""
    config.addinivalue_line("markers", "needs(*programs): skipped where one of these real parts is missing")
    config.stash[_SKIPPED] = {}
    own = str(Path(sys.executable).parent)
    servers = map(
        str, Path("/usr/lib/postgresql").glob("*/bin")
    )  # Debian leaves it to a program of its own to find them
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), own, *servers])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose real part is missing and remember which."""
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if program not in INSTALL:
                raise pytest.UsageError(f"{item.nodeid} needs {program!r}, which tests/real_parts.py does not know")
            if shutil.which(program) is None:
                item.config.stash[_SKIPPED].setdefault(program, []).append(item.nodeid)
                pytest.skip(f"{program} is not installed: {INSTALL[program]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI=true, turn a skip into a failure; an expected failure (xfail) is none."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped with CI=true: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself while it is imported."""
    report = yield
    if report.outcome == "skipped" and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped with CI=true: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was missing and how to get it."""
    skipped = config.stash[_SKIPPED]
    if not skipped:
        return
    terminalreporter.section("real parts that this machine lacks")
    for program, tests in sorted(skipped.items()):
        terminalreporter.write_line(f"{program}: {len(tests)} skipped; install it with: {INSTALL[program]}")
