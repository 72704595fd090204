"""Reads what waiting calls carry when their turn to be sent comes near, for many devices at once."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from trunkline.contract.logs import get_logger
from trunkline.core.calls.model import Call
from trunkline.core.store.call_rows import CallKey
from trunkline.core.store.database import IN_LIMIT
from trunkline.core.storing.pauses import Pauses
from trunkline.core.storing.rows_of import key_of

log = get_logger(__name__)

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one query; the calls of one device are read together in any case."""


class Bodies(Protocol):
    """Where what calls carry is read."""

    async def bodies(self, keys: Sequence[CallKey]) -> dict[CallKey, tuple[str, bytes]]:
        """Method and params of these calls, as far as they exist; at most IN_LIMIT."""
        ...


class Wanted(Protocol):
    """Who wants them."""

    def fetched(self, calls: Sequence[Call]) -> None:
        """These calls of one device are loaded, or ended meanwhile."""
        ...

    def remove(self, call: Call) -> None:
        """The call's row is gone."""
        ...


class Fetcher:
    """Reads until `run` is cancelled."""

    def __init__(self, rows: Bodies, wanted: Wanted) -> None:
        self._rows = rows
        self._wanted = wanted
        self._waiting: list[tuple[Call, ...]] = []
        self._wake = asyncio.Event()
        self._pauses = Pauses()

    def fetch(self, calls: tuple[Call, ...]) -> None:
        """Read what these calls of one device carry; at most IN_LIMIT."""
        self._waiting.append(calls)
        self._wake.set()

    async def run(self) -> None:
        """Read what is wanted; what cannot be read waits until the store is back."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                groups = self._take()
                try:
                    bodies = await self._rows.bodies([key_of(call) for group in groups for call in group])
                except Exception as error:  # whatever it is, devices wait for these
                    log.warning("calls_not_fetched", devices=len(groups), problem=str(error))
                    self._waiting = groups + self._waiting
                    await asyncio.sleep(self._pauses.next_s())
                    continue
                self._pauses.reset()
                for group in groups:
                    try:
                        self._load(group, bodies)
                    except Exception:  # the other devices are to get theirs all the same
                        log.exception("calls_not_loaded", device_id=group[0].device_id.hex())

    def _take(self) -> list[tuple[Call, ...]]:
        count = calls = size = 0
        for group in self._waiting:
            calls += len(group)
            size += sum(call.keeping.body_bytes for call in group if call.keeping is not None)
            if count and (calls > IN_LIMIT or size > MOST_BYTES):
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _load(self, group: tuple[Call, ...], bodies: dict[CallKey, tuple[str, bytes]]) -> None:
        for call in group:
            keeping, body = call.keeping, bodies.get(key_of(call))
            if keeping is None or keeping.end is not None:
                continue
            if body is None:
                log.error("call_row_gone", call_id=call.call_id.hex())
                self._wanted.remove(call)
            else:
                call.method, call.params = body
                keeping.loaded = True
        self._wanted.fetched(group)
