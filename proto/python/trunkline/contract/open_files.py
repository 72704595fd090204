"""The system's limit of open files, which is one of connections: many systems start a process with 1,024."""

import resource
from contextlib import suppress


def allow_open_files() -> int:
    """Raise this process's limit of open files as far as the system lets; returns the limit in force."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # where "no limit" is said but not meant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 2**31
