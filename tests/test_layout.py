"""The repository keeps its shape: one namespace, a test for every module, links that resolve, no registry named."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parent.parent

ROOTS: Final = {
    "core": "core/trunkline/core",
    "facade": "facade/trunkline/facade",
    "transports": "transports/trunkline/transports",
    "client": "client/trunkline/client",
    "cli": "cli/trunkline/cli",
    "contract": "proto/python/trunkline/contract",
}
"""Folder of tests → the sources it mirrors."""

WITHOUT_OWN_TEST: Final = {
    "core/trunkline/core/store/migrations/env.py": "run by Alembic at every start, so by every test with a store",
}
"""Modules without a test of their name, and why. Keep it short."""

# [.] keeps this file from holding what it looks for.
REGISTRY: Final = re.compile(
    r"pypi[.]org|pythonhosted[.]org|npmjs[.](org|com)|yarnpkg[.]com|crates[.]io|golang[.]org|maven[.]org|deb[.]debian[.]org"
)


def tracked_files() -> list[Path]:
    """What belongs to the project: git's list, or in an unpacked source archive everything."""
    git = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if git.returncode == 0:
        return [path for name in git.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file()]


def test_the_namespace_stays_a_namespace() -> None:
    # An __init__.py there would hide the other parts: "No module named trunkline.facade".
    roots = [ROOT / source for source in ROOTS.values()]
    assert all(root.is_dir() for root in roots)
    assert not [str(path) for root in roots if (path := root.parent / "__init__.py").exists()]


def modules() -> Iterator[tuple[str, Path]]:
    """Every module that wants a test, with the path of that test."""
    for tests, source in ROOTS.items():
        for path in sorted((ROOT / source).rglob("*.py")):
            relative = path.relative_to(ROOT / source)
            if path.name != "__init__.py" and "versions" not in relative.parts:
                test = ROOT / "tests" / tests / relative.parent / f"test_{path.name}"
                yield str(path.relative_to(ROOT)), test


def test_every_module_has_its_test() -> None:
    missing = {module for module, test in modules() if not test.exists()}
    assert missing == WITHOUT_OWN_TEST.keys()


@pytest.mark.parametrize("page", [path for path in tracked_files() if path.suffix == ".md"], ids=str)
def test_links_resolve(page: Path) -> None:
    broken = [target for target in links(page) if not re.match(r"[a-z]+:", target) and not resolves(page, target)]
    assert not broken, f"{page.relative_to(ROOT)} links to {broken}"


def links(page: Path) -> list[str]:
    """The targets of a page's Markdown links, code left out."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def resolves(page: Path, target: str) -> bool:
    """Whether a relative link leads to a file, and its fragment to a heading in it."""
    name, _, fragment = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    return not fragment or fragment in {slug(line) for line in file.read_text().splitlines() if line.startswith("#")}


def slug(heading: str) -> str:
    """A heading's anchor as code hosts make it."""
    words = re.sub(r"[^\w\- ]", "", heading.lstrip("#").strip().lower())
    return words.replace(" ", "-")


def test_no_file_names_a_registry() -> None:
    # Whoever builds this may use a mirror: locks and scripts name packages, never where they come from.
    named = [str(path.relative_to(ROOT)) for path in tracked_files() if REGISTRY.search(read_text(path))]
    assert not named


def test_locks_hold_no_address() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()
    npm = [path for path in tracked_files() if path.name == "package-lock.json"]
    assert npm
    assert not [str(path) for path in npm if '"resolved"' in path.read_text()]


def read_text(path: Path) -> str:
    """A file's text; empty for pictures and other bytes."""
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def test_changelog_and_version_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].split()[0] == version, "the newest release in CHANGELOG.md is not pyproject.toml's version"


def test_the_readme_shows_the_example_device() -> None:
    assert (ROOT / "examples/device.py").read_text().rstrip() in (ROOT / "README.md").read_text()
