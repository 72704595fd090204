"""A missing real part is skipped and named; in CI it is a failure."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

NEEDS_WRK = """
import pytest

@pytest.mark.needs("wrk")
def test_with_wrk():
    raise AssertionError("wrk is on no PATH here")

def test_without():
    pass
"""


def run(tmp_path: Path, source: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    """A pytest run of its own on one module, on a machine without any program."""
    (tmp_path / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "real_parts", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(TESTS), "CI": "true" if ci else "false"}
    return subprocess.run([*command, str(tmp_path)], env=environment, capture_output=True, text=True, check=False)


def test_names_the_missing_part_and_its_command(tmp_path: Path) -> None:
    done = run(tmp_path, NEEDS_WRK, ci=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    assert "wrk: 1 skipped; install it with: apt-get install wrk" in done.stdout


def test_fails_in_ci(tmp_path: Path) -> None:
    done = run(tmp_path, NEEDS_WRK, ci=True)
    assert done.returncode == 1, done.stdout
    assert "1 passed, 1 error" in done.stdout
    assert "wrk is not installed" in done.stdout


@pytest.mark.parametrize("ci", [False, True])
def test_a_module_that_skips_itself(tmp_path: Path, ci: bool) -> None:
    done = run(tmp_path, "import pytest\npytest.skip('not here', allow_module_level=True)\n", ci=ci)
    assert ("1 error" in done.stdout) is ci, done.stdout


def test_refuses_a_part_that_nobody_can_install(tmp_path: Path) -> None:
    done = run(tmp_path, NEEDS_WRK.replace("wrk", "abacus"), ci=False)
    assert done.returncode != 0
    assert "which tests/real_parts.py does not know" in done.stdout + done.stderr
