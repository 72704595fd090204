"""A real database that fails as the test says."""

import asyncio
from typing import Any

from trunkline.contract.errors import TrunklineError
from trunkline.core.store.database import CommitUnknown, Database
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason


class FaultyDatabase:
    """Wraps the database of a store. Whatever fault was set before is over when another is."""

    def __init__(self, store: Store) -> None:
        self._database: Database = store._database
        self._run = self._database.run
        self._held = asyncio.Event()
        self.asked = asyncio.Event()
        """Set when something was asked of it since the fault began."""

    def is_gone(self) -> None:
        """It does nothing and says so."""

        async def run(work: Any, **how: Any) -> Any:
            self.asked.set()
            raise TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "no answer, says the test")

        self._becomes(run)

    def loses_answers(self) -> None:
        """It does what it is told, and never says so."""

        async def run(work: Any, **how: Any) -> Any:
            await self._run(work, **how)
            self.asked.set()
            raise CommitUnknown

        self._becomes(run)

    def loses_commits(self) -> None:
        """It does nothing, and nobody can tell."""

        async def run(work: Any, **how: Any) -> Any:
            self.asked.set()
            raise CommitUnknown

        self._becomes(run)

    def takes_its_time(self) -> None:
        """It does what it is told when it is mended."""
        held = asyncio.Event()

        async def run(work: Any, **how: Any) -> Any:
            self.asked.set()
            await held.wait()
            return await self._run(work, **how)

        self._becomes(run)
        self._held = held

    def mend(self) -> None:
        """It works again."""
        vars(self._database).pop("run", None)
        self._held.set()

    def _becomes(self, run: Any) -> None:
        self.mend()
        self.asked.clear()
        vars(self._database)["run"] = run
