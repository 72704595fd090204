"""The installation's secret: whoever can read it from the data directory is a part."""

import secrets
from pathlib import Path

from trunkline.contract.metadata import SECRET_FILE
from trunkline.core.identity.private_files import read_or_create


def load_part_secret(data_dir: Path) -> str:
    """The secret in hex, made at the first start."""
    return read_or_create(data_dir / SECRET_FILE, lambda: secrets.token_hex(32).encode()).decode().strip()
