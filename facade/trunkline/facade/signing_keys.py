"""The core's public keys, by which the facade verifies tokens itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import jwt

from trunkline.contract.errors import TrunklineError
from trunkline.contract.json_text import NULL

REFETCH_AFTER_S: Final = 1.0
"""A key that is not known is asked for at most this often, however many tokens name one."""


class SigningKeys:
    """A copy of the core's JSON Web Key Set, fetched at first use and when a token names a key that is not in it."""

    def __init__(self, fetch: Callable[[], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._text = NULL
        self._fetched_at_s = -REFETCH_AFTER_S
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key of that id, or None if the core has none. Raises TrunklineError if the core cannot be asked."""
        key = self._keys.get(key_id)
        if key is None:
            async with self._fetching:
                await self._refetch()
            key = self._keys.get(key_id)
        return key

    async def key_set(self) -> bytes:
        """The key set as JSON, fresh from the core or, while it is away, as it was last.

        Raises TrunklineError if the core cannot be asked and never was.
        """
        async with self._fetching:
            try:
                await self._refetch()
            except TrunklineError:
                if not self._keys:
                    raise
        return self._text

    async def _refetch(self) -> None:
        if time.monotonic() < self._fetched_at_s + REFETCH_AFTER_S:
            return
        self._text = await self._fetch()
        self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_json(self._text.decode()).keys if key.key_id}
        self._fetched_at_s = time.monotonic()
