"""Passwords: argon2 on threads, so that no login holds up the event loop."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

from trunkline.contract.errors import TrunklineError
from trunkline.v1.error_pb2 import ErrorReason

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE: Final = 2
"""Hashes computed at the same time; each takes a processor and 19 MiB."""

WAITING: Final = 200
"""Passwords that wait for their turn; one more is refused."""


class Passwords:
    """Hashes and verifies passwords, with the second parameter set that OWASP recommends for argon2id.

    Raises RATE_LIMITED if too many wait for their turn.
    """

    def __init__(self, *, waiting: int = WAITING) -> None:
        self._hasher = Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._open = 0
        self._most_open = AT_ONCE + waiting
        self._hash_of_nobody = self._hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """The password's hash with its own salt, as it is stored."""
        return await self._in_turn(self._hasher.hash, password)

    async def verify(self, password: str, stored_hash: str | None) -> bool:
        """Whether the password is the one that was hashed.

        Without a hash, for a user nobody knows or who has no password yet, it works as long and says no: time tells
        nobody which users exist.
        """
        good = await self._in_turn(self._hasher.verify, password, stored_hash or self._hash_of_nobody)
        return good and bool(stored_hash)

    async def _in_turn(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._open >= self._most_open:
            raise TrunklineError(ErrorReason.ERROR_REASON_RATE_LIMITED, "Too many logins at once; try again later")
        self._open += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *args, **kwargs)
        finally:
            self._open -= 1


def generated_password() -> str:
    """A password that nobody has to invent: 16 characters."""
    return secrets.token_urlsafe(12)
