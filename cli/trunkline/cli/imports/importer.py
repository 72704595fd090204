"""Brings devices in, a batch at a time, and can be begun again: what is there already is left alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from trunkline.cli import named
from trunkline.cli.answers import RestError
from trunkline.cli.errors import CommandError
from trunkline.cli.imports.device import Batch, Candidate, ImportedDevice
from trunkline.cli.output import id_of
from trunkline.cli.rest import CONNECTIONS, Rest

A = TypeVar("A")
B = TypeVar("B")

NOT_OF_ONE_DEVICE: Final = (0, 401, 403, 429)
"""Statuses that the next device would meet, too; 0: no answer at all."""

Progress = Callable[[int, int], None]
"""Is told how many devices have had their turn, and how many there are."""


@dataclass(slots=True)
class Summary:
    """What has become of the devices so far."""

    created: int = 0
    existing: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Names, and why not."""
    customers: list[str] = field(default_factory=list)
    """Titles of those that were made."""
    ended: str = ""
    """Why it ended before its end; empty if it did not."""


class Importer:
    """One import into one tenant. With `dry_run` everything is read and nothing written."""

    def __init__(self, target: Rest, *, dry_run: bool = False, progress: Progress | None = None) -> None:
        self.summary = Summary()
        self._progress = progress
        self._target = target
        self._dry_run = dry_run
        self._names: set[str] = set()
        self._customers: dict[str, Any] = {}

    async def run(self, batches: AsyncIterator[Batch]) -> None:
        """Bring in what is not there; `summary` says how far it came."""
        seen = 0
        try:
            async for device in self._target.pages("/api/tenant/devices", sortProperty="createdTime", sortOrder="ASC"):
                self._names.add(device["name"])
            async for batch in batches:
                await self._bring_in(batch.candidates)
                seen += len(batch.candidates)
                if self._progress is not None:
                    self._progress(seen, batch.total)
        except CommandError as error:
            self.summary.ended = str(error)

    async def _bring_in(self, batch: Sequence[Candidate]) -> None:
        new = [candidate for candidate in batch if candidate.name not in self._names]
        self.summary.existing += len(batch) - len(new)
        devices = await self._each(new, lambda candidate: candidate.read(), lambda candidate: candidate.name)
        for title in dict.fromkeys(device.customer for device in devices if device.customer):
            await self._find_customer(title)
        await self._each(devices, self._create, lambda device: device.name)

    async def _find_customer(self, title: str) -> None:
        """Its reference, None for one that a dry run does not make, or why there is none."""
        if title in self._customers:
            return
        try:
            found = await named.customer_titled(self._target, title)
            if found is None:
                found = {"id": None} if self._dry_run else await self._target.post("/api/customer", {"title": title})
                self.summary.customers.append(title)
            self._customers[title] = found["id"]
        except RestError as error:
            if _stops(error):
                raise
            self._customers[title] = error

    async def _create(self, device: ImportedDevice) -> None:
        customer = self._customers[device.customer] if device.customer else None
        if isinstance(customer, RestError):
            raise CommandError(f"its customer {device.customer}: {customer}")
        if not self._dry_run:
            body = device.body(customer)
            if device.credentials is None:
                made = await self._target.post("/api/device", body)
            else:
                both = {"device": body, "credentials": device.credentials.body()}
                made = await self._target.post("/api/device-with-credentials", both)
            if device.public:
                await self._target.post(f"/api/customer/public/device/{id_of(made)}")
        self._names.add(device.name)
        self.summary.created += 1

    async def _each(self, items: Sequence[A], do: Callable[[A], Awaitable[B]], name: Callable[[A], str]) -> list[B]:
        """Do it for all, many at once, and give what came out, in order; those that fail are remembered.

        Raises CommandError, after those begun have ended, if something failed that has nothing to do with the device.
        """
        waiting = iter(items)
        done: dict[str, B] = {}
        stopped: list[CommandError] = []

        async def worker() -> None:
            for item in waiting:
                if stopped:
                    return
                try:
                    done[name(item)] = await do(item)
                except CommandError as error:
                    if _stops(error):
                        stopped.append(error)
                    else:
                        self.summary.failed.append((name(item), str(error)))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(CONNECTIONS, len(items))):
                group.create_task(worker(), name="import devices")
        if stopped:
            raise stopped[0]
        return [done[name(item)] for item in items if name(item) in done]


def _stops(error: CommandError) -> bool:
    return isinstance(error, RestError) and (error.status in NOT_OF_ONE_DEVICE or error.status >= 500)
