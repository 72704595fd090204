"""Secrets are made once and are nobody else's."""

import stat
from pathlib import Path

import pytest

from trunkline.core.identity.private_files import read_or_create


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert read_or_create(path, lambda: b"first") == b"first"
    assert read_or_create(path, lambda: b"second") == b"first"
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    read_or_create(path, lambda: b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failure_leaves_no_secret(tmp_path: Path) -> None:
    def fail() -> bytes:
        raise ValueError("no entropy")

    with pytest.raises(ValueError, match="no entropy"):
        read_or_create(tmp_path / "secret", fail)
    assert not list(tmp_path.iterdir())
