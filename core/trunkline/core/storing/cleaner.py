"""Removes stored calls some time after their end."""

import asyncio
import math
from typing import Final, Protocol

from trunkline.contract.logs import get_logger
from trunkline.core.clock import unix_ms

log = get_logger(__name__)

AT_ONCE: Final = 1_000
"""Rows removed in one transaction: submitters wait behind it."""

DAY_MS: Final = 24 * 3_600_000


class EndedRows(Protocol):
    """Where ended calls are."""

    async def delete_ended_before(self, unix_ms: int, limit: int) -> int:
        """Delete up to so many calls that ended before this time; how many it were."""
        ...


class Cleaner:
    """Looks for calls that ended `ttl_days` ago, every `interval_s`; never, with 0 days."""

    def __init__(self, rows: EndedRows, *, ttl_days: float, interval_s: float) -> None:
        self._rows = rows
        self._ttl_ms = math.ceil(ttl_days * DAY_MS)
        self._interval_s = interval_s
        self.removed = 0
        """Since the start."""

    async def run(self) -> None:
        """Clean until cancelled."""
        while self._ttl_ms:
            try:
                await self.clean()
            except Exception as error:  # whatever it is, there is a next time
                log.warning("ended_calls_not_removed", problem=str(error))
            await asyncio.sleep(self._interval_s)

    async def clean(self) -> None:
        """Remove all whose time is over. Raises STORE_UNAVAILABLE."""
        before = unix_ms() - self._ttl_ms
        while (removed := await self._rows.delete_ended_before(before, AT_ONCE)) > 0:
            self.removed += removed
