"""Addresses from which too many wrong credentials came are not let in for a while."""

from typing import Final

KEPT: Final = 10_000
"""Addresses that are remembered; the one that failed least recently is forgotten first."""


class FailedLogins:
    """`limit` failures in a row, without a success between them, block an address for `block_ms`.

    Exists only if wanted.
    """

    def __init__(self, limit: int, block_ms: int) -> None:
        self._limit = limit
        self._block_ms = block_ms
        self._failures: dict[str, tuple[int, int]] = {}
        """By address: how many, and when the last one was."""

    def __len__(self) -> int:
        return len(self._failures)

    def failed(self, address: str, now: int) -> None:
        """Wrong credentials came from there. `now` in milliseconds."""
        count, last_ms = self._failures.pop(address, (0, now))
        if count >= self._limit and now - last_ms >= self._block_ms:
            count = 0  # it was blocked, and that is over
        self._failures[address] = (count + 1, now)
        if len(self._failures) > KEPT:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, address: str) -> None:
        """A device was let in from there."""
        self._failures.pop(address, None)

    def blocked(self, address: str, now: int) -> bool:
        """Whether connections from there are refused."""
        count, last_ms = self._failures.get(address, (0, 0))
        return count >= self._limit and now - last_ms < self._block_ms
