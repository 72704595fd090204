"""The data directory belongs to one installation that runs: made private, and locked while it does."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trunkline.cli.errors import CommandError

LOCK_FILE: Final = "lock"


class DataDirError(CommandError):
    """The data directory cannot be used; the message says why and what to do."""


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the directory for this process, making it (0700) where there is none. Raises DataDirError.

    The lock ends with the process, however it ends, and no child inherits it.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirError(f"The data directory {data_dir} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(file, 32).decode(errors="replace").strip()
        os.close(file)
        raise DataDirError(
            f"The data directory {data_dir} is in use{f' by process {holder}' if holder else ''}: "
            "stop that one first or choose another directory with --data-dir."
        ) from None
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)
