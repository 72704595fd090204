"""Wall time, which exists only in the store and for REST's expirationTime."""

import time


def unix_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
