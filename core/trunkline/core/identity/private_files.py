"""Secrets in the data directory: made once, readable by their owner only."""

import os
from collections.abc import Callable
from pathlib import Path


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's bytes; where there is none yet, `make()` is written to it (mode 0600) and returned.

    The name appears only when the bytes are on disk, so a crash leaves no half-written secret.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    content = make()
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(draft, path)
    return content
