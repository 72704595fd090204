"""Lets devices in, in batches: the Connects and Resumes that gather while one query runs share the next.

One SELECT through the async stack costs more than half a millisecond, an IN of 64 a few microseconds for each.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.frames import Connect, Refused, Resume
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.profiles.transports import TransportProfiles
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

BATCH: Final = 64

RETRY_S: Final = 1.0
"""A device that cannot be looked up because the store is down keeps its session; it is looked up again then."""

Admitted = Callable[[DeviceEntry | Refused], None]


class Admission:
    """Answers each Connect and Resume with the device behind it, or with why not; the device's profile is in `profiles`
    then."""

    def __init__(self, directory: Directory, profiles: TransportProfiles, *, retry_s: float = RETRY_S) -> None:
        self._directory = directory
        self._profiles = profiles
        self._retry_s = retry_s
        self._connects: list[tuple[Connect, Admitted]] = []
        self._resumes: list[tuple[Resume, Admitted]] = []
        self._waiting = asyncio.Event()

    def connect(self, frame: Connect, admitted: Admitted) -> None:
        """Look up the credentials shown; `admitted` is called with the outcome, a refusal if the store is down."""
        self._connects.append((frame, admitted))
        self._waiting.set()

    def resume(self, frame: Resume, admitted: Admitted) -> None:
        """Check that the device is still there with the same credentials; `admitted` is called, perhaps at once.

        It is not called before the store has answered: a session does not end because the store is down.
        """
        entry = self._directory.cached(frame.device_id)
        if entry is not None and self._profiles.cached(entry.profile_id) is not None:
            admitted(still_admitted(frame, entry))
            return
        self._resumes.append((frame, admitted))
        self._waiting.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            await self._serve_connects()
            store_answers = await self._serve_resumes()
            if self._connects or (self._resumes and store_answers):
                self._waiting.set()
            elif self._resumes:
                loop.call_later(self._retry_s, self._waiting.set)

    async def _serve_connects(self) -> None:
        batch, self._connects = self._connects[:BATCH], self._connects[BATCH:]
        if not batch:
            return
        outcomes: list[DeviceEntry | Refused]
        try:
            while True:
                outcomes = await self._directory.authenticate([frame for frame, _ in batch])
                if await self._still_so(one for one in outcomes if isinstance(one, DeviceEntry)):
                    break
        except TrunklineError as error:
            outcomes = [Refused(frame.session, error.reason, error.message) for frame, _ in batch]
        except Exception:  # whoever waits must be answered, whatever it was
            log.exception("devices_not_authenticated")
            internal = ErrorReason.ERROR_REASON_INTERNAL
            outcomes = [Refused(frame.session, internal, "The device could not be looked up") for frame, _ in batch]
        for (_, admitted), outcome in zip(batch, outcomes, strict=True):
            _tell(admitted, outcome)

    async def _serve_resumes(self) -> bool:
        """Look up a batch; False if the store did not answer, and the batch waits on."""
        batch, self._resumes = self._resumes[:BATCH], self._resumes[BATCH:]
        if not batch:
            return True
        try:
            while True:
                entries = await self._directory.load_many([frame.device_id for frame, _ in batch])
                if await self._still_so(entries.values()):
                    break
        except Exception as error:
            log.warning("sessions_not_resumed", sessions=len(batch), problem=str(error), retry_s=self._retry_s)
            self._resumes = batch + self._resumes
            return False
        for frame, admitted in batch:
            _tell(admitted, still_admitted(frame, entries.get(frame.device_id)))
        return True

    async def _still_so(self, entries: Iterable[DeviceEntry]) -> bool:
        """Have their profiles at hand; False if a device was changed meanwhile, whose sessions are not there yet to be
        ended."""
        changes = self._directory.changes
        await self._profiles.load({entry.profile_id for entry in entries})
        return changes == self._directory.changes


def _tell(admitted: Admitted, outcome: DeviceEntry | Refused) -> None:
    """Tell one session's link; its failure must not end everybody's admission."""
    try:
        admitted(outcome)
    except Exception:
        log.exception("session_not_admitted")


def still_admitted(frame: Resume, entry: DeviceEntry | None) -> DeviceEntry | Refused:
    """A resumed session goes on if its device is there and its credentials are those it connected with."""
    if entry is None:
        return Refused(frame.session, ErrorReason.ERROR_REASON_DEVICE_DELETED, "The device was deleted")
    if entry.credentials_version != frame.credentials_version:
        return Refused(
            frame.session, ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED, "The device's credentials were changed"
        )
    return entry
