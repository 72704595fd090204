"""When a stored call is sent again after its acknowledgement did not come in time."""

from typing import Final

MAX_BACKOFF_MS: Final = 60_000


def backoff_ms(first_ms: int, timeouts: int) -> int:
    """How long to wait after the so many-th missing acknowledgement, the first one being 1: it doubles each time."""
    return min(MAX_BACKOFF_MS, first_ms << min(timeouts - 1, 30))
