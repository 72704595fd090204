"""The installation's secret, as the core writes it and parts read it."""

from pathlib import Path

from trunkline.contract.channel import part_secret
from trunkline.core.identity.part_secret import load_part_secret


def test_parts_read_what_the_core_made(tmp_path: Path) -> None:
    secret = load_part_secret(tmp_path)
    assert len(bytes.fromhex(secret)) == 32
    assert part_secret(tmp_path) == secret == load_part_secret(tmp_path)


def test_every_installation_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert load_part_secret(tmp_path) != load_part_secret(tmp_path / "other")
