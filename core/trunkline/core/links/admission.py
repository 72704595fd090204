"""Lets devices in, in batches: the Connects and Resumes that gather while one query runs share the next.

One SELECT through the async stack costs more than half a millisecond, an IN of 64 a few microseconds for each.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import Connect, Refused, Resume
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import DeviceEntry
from trunkline.v1.error_pb2 import ErrorReason

log = structlog.get_logger(__name__)

BATCH: Final = 64

Admitted = Callable[[DeviceEntry | Refused], None]


class Admission:
    """Answers each Connect and Resume with the device behind it, or with why not."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._connects: list[tuple[Connect, Admitted]] = []
        self._resumes: list[tuple[Resume, Admitted]] = []
        self._waiting = asyncio.Event()

    def connect(self, frame: Connect, admitted: Admitted) -> None:
        """Look up the credentials shown; `admitted` is called with the outcome."""
        self._connects.append((frame, admitted))
        self._waiting.set()

    def resume(self, frame: Resume, admitted: Admitted) -> None:
        """Check that the device is still there with the same credentials; `admitted` is called, perhaps at once."""
        entry = self._directory.cached(frame.device_id)
        if entry is not None:
            admitted(still_admitted(frame, entry))
            return
        self._resumes.append((frame, admitted))
        self._waiting.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            while self._connects or self._resumes:
                await self._serve_connects()
                await self._serve_resumes()

    async def _serve_connects(self) -> None:
        batch, self._connects = self._connects[:BATCH], self._connects[BATCH:]
        if not batch:
            return
        try:
            outcomes = await self._directory.authenticate([frame for frame, _ in batch])
        except TrunklineError as error:
            outcomes = [Refused(frame.session, error.reason, error.message) for frame, _ in batch]
        for (_, admitted), outcome in zip(batch, outcomes, strict=True):
            admitted(outcome)

    async def _serve_resumes(self) -> None:
        batch, self._resumes = self._resumes[:BATCH], self._resumes[BATCH:]
        if not batch:
            return
        try:
            entries = await self._directory.load_many([frame.device_id for frame, _ in batch])
        except TrunklineError as error:
            for frame, admitted in batch:
                admitted(Refused(frame.session, error.reason, error.message))
            return
        for frame, admitted in batch:
            admitted(still_admitted(frame, entries.get(frame.device_id)))


def still_admitted(frame: Resume, entry: DeviceEntry | None) -> DeviceEntry | Refused:
    """A resumed session goes on if its device is there and its credentials are those it connected with."""
    if entry is None:
        return Refused(frame.session, ErrorReason.ERROR_REASON_DEVICE_DELETED, "The device was deleted")
    if entry.credentials_version != frame.credentials_version:
        return Refused(
            frame.session, ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED, "The device's credentials were changed"
        )
    return entry
