"""The clock of every deadline: monotonic milliseconds, which never jump and mean nothing in another process."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Gives the current time in monotonic milliseconds; tests pass one that they move by hand."""


def monotonic_ms() -> int:
    """Now, in whole milliseconds of this process's monotonic clock."""
    return time.monotonic_ns() // 1_000_000
