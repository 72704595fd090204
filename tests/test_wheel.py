"""What lands on a user's machine: one name, all parts, the contract for other languages, nothing of the tests."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The files of a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_one_name_lands_in_site_packages(names: list[str]) -> None:
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"trunkline"}


def test_every_module_is_in_it(names: list[str]) -> None:
    roots = ("proto/python", "core", "facade", "transports", "client", "cli")
    sources = {
        str(path.relative_to(ROOT / root)) for root in roots for path in (ROOT / root / "trunkline").rglob("*.py")
    }
    assert sources <= set(names)
    assert {f"trunkline/{part}/py.typed" for part in ("v1", "contract", "core", "facade", "client")} <= set(names)


def test_the_contract_is_in_it_as_an_include_path(names: list[str]) -> None:
    protos = {f"trunkline/v1/proto/trunkline/v1/{path.name}" for path in (ROOT / "proto/trunkline/v1").iterdir()}
    assert protos
    assert protos <= set(names)
