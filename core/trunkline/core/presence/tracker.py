"""Keeps track of which devices are there, in memory while they have sessions, and writes it behind into their rows.

A connect costs no transaction of its own: what happens within half a second is stored together. After a crash a row may
say what was so half a second ago, and of the last activity what was so some seconds ago; devices that come back set it
right.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from trunkline.contract.clock import Clock
from trunkline.contract.logs import get_logger
from trunkline.core.clock import unix_ms
from trunkline.core.presence.record import DeviceRecord, Visit
from trunkline.core.store.presence import WRITE_BATCH, PresenceRows

log = get_logger(__name__)

STEP_MS: Final = 1_000
"""How exact the time of the last activity is: a device that says much is noted so often."""

LOOK_AGAIN_S: Final = 0.1
MOST_PATIENCE_S: Final = 60.0
"""For a worker that is back but does not come to an end with naming its sessions."""

Listener = Callable[[Sequence[bytes]], None]
"""Called with ids of devices that came, went or were heard of again, once their rows say so."""


class PresenceTracker:
    """What is known of the devices' presence. Build it with `load`."""

    def __init__(
        self,
        rows: PresenceRows,
        *,
        inactivity_ms: int,
        write_ms: int,
        activity_write_ms: int,
        clock: Clock,
        now_ms: Callable[[], int] = unix_ms,
    ) -> None:
        """A device is active for `inactivity_ms` after it was heard of. Rows are written at most every `write_ms`, and
        for nothing but activity every `activity_write_ms`. `clock` is monotonic, `now_ms` the wall clock."""
        self.connected = 0
        """Devices with a connection, or awaited since the core started."""
        self.written = 0
        """Rows, since the core started."""
        self._rows = rows
        self._inactivity_ms = inactivity_ms
        self._write_ms = write_ms
        self._activity_write_ms = activity_write_ms
        self._clock = clock
        self._now_ms = now_ms
        self._records: dict[bytes, DeviceRecord] = {}
        self._awaited: set[bytes] = set()
        """Were connected when the core went away, and have not come back yet."""
        self._went_away_unix_ms = 0
        self._pending: dict[bytes, DeviceRecord] = {}
        """To be written. Nobody is added while the store is down who was not there before: it lets devices in."""
        self._changed: set[bytes] = set()
        """Those of the pending ones of which listeners are told."""
        self._due = asyncio.Event()
        self._writing = asyncio.Lock()
        self._listeners: list[Listener] = []

    @classmethod
    async def load(
        cls,
        rows: PresenceRows,
        *,
        inactivity_ms: int,
        write_ms: int,
        activity_write_ms: int,
        clock: Clock,
        now_ms: Callable[[], int] = unix_ms,
    ) -> "PresenceTracker":
        """Begin with the devices that were connected when the core went away: for now they still are."""
        tracker = cls(
            rows,
            inactivity_ms=inactivity_ms,
            write_ms=write_ms,
            activity_write_ms=activity_write_ms,
            clock=clock,
            now_ms=now_ms,
        )
        tracker._awaited.update(await rows.connected())
        tracker._went_away_unix_ms = await rows.latest()
        tracker.connected = len(tracker._awaited)
        return tracker

    @property
    def pending(self) -> int:
        """Devices whose rows are to be written."""
        return len(self._pending)

    def active_since(self) -> int:
        """Who was heard of after this time, in Unix milliseconds, is active."""
        return self._now_ms() - self._inactivity_ms

    def on_changed(self, listener: Listener) -> None:
        """Tell `listener` of every change from now on."""
        self._listeners.append(listener)

    # --- sessions ---

    def opened(self, device_id: bytes, *, connects: bool, resumed: bool = False) -> Visit:
        """A session of the device began, or was `resumed` by a worker that had it before. `connects`: the device is
        connected while it lasts, other than with a poll."""
        record = self._records.get(device_id)
        if record is None:
            record = self._records[device_id] = DeviceRecord(device_id)
        record.sessions += 1
        if connects:
            awaited = device_id in self._awaited
            self._awaited.discard(device_id)
            was_connected = awaited or record.connections > 0
            record.connections += 1
            self.connected += not was_connected
            if not (resumed and was_connected):
                record.last_connect_unix_ms = self._now_ms()
                self._note_change(record)
        if not resumed:
            self._note_activity(record, self._clock())
        return Visit(record, connects=connects)

    def heard(self, visit: Visit, now: int) -> None:
        """The device said something, at `now` on the monotonic clock; cheap enough for every reply."""
        if now - visit.record.heard_ms >= STEP_MS and not visit.over:
            self._note_activity(visit.record, now)

    def closed(self, visit: Visit) -> None:
        """The session is over; saying so again changes nothing."""
        if visit.over:
            return
        visit.over = True
        record = visit.record
        record.sessions -= 1
        if visit.connects:
            record.connections -= 1
            if not record.connections:
                self.connected -= 1
                record.last_disconnect_unix_ms = self._now_ms()
                self._note_change(record)
        self._forget_idle(record)

    async def dismiss(self, patience_ms: int, returning: Callable[[], bool]) -> None:
        """Give the devices that were connected before this start so long to come back; the others went away with the
        core. While workers are `returning`, a little longer."""
        await asyncio.sleep(patience_ms / 1000)
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST_PATIENCE_S):
                while self._awaited and returning():  # noqa: ASYNC110 - once a start; many events may end it
                    await asyncio.sleep(LOOK_AGAIN_S)
        gone, self._awaited = self._awaited, set()
        self.connected -= len(gone)
        for device_id in gone:
            record = self._records.get(device_id) or DeviceRecord(device_id)
            record.last_disconnect_unix_ms = self._went_away_unix_ms
            self._records[device_id] = record
            self._note_change(record)

    # --- the rows ---

    async def run(self) -> None:
        """Write behind until cancelled; while the store is down what is pending waits."""
        answers = True
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._activity_write_ms / 1000):
                    await self._due.wait()
            self._due.clear()
            try:
                await self.settle()
            except Exception as error:
                if answers:
                    log.warning("presence_not_written", devices=self.pending, problem=str(error))
                answers = False
                self._due.set()
            else:
                answers = True
            await asyncio.sleep(self._write_ms / 1000)

    async def settle(self) -> None:
        """Write what is pending, so that the store's rows say how things stand. Raises STORE_UNAVAILABLE."""
        if not self._pending and not self._writing.locked():
            return
        async with self._writing:
            pending, self._pending = list(self._pending.values()), {}
            changed, self._changed = self._changed, set()
            written = 0
            try:
                while written < len(pending):
                    batch = pending[written : written + WRITE_BATCH]
                    await self._rows.write([record.change(connected=self._is_connected(record)) for record in batch])
                    written += len(batch)
                    self.written += len(batch)
                    self._tell([record.device_id for record in batch if record.device_id in changed])
            finally:
                for record in pending[written:]:
                    self._pending[record.device_id] = record
                    if record.device_id in changed:
                        self._changed.add(record.device_id)
                for record in pending[:written]:
                    self._forget_idle(record)

    async def close(self) -> None:
        """The core ends: write what is known. Devices that are connected stay so, for the next start to await."""
        try:
            await self.settle()
        except Exception as error:
            log.warning("presence_not_written", devices=self.pending, problem=str(error))

    def _is_connected(self, record: DeviceRecord) -> bool:
        return record.connections > 0 or record.device_id in self._awaited

    def _note_change(self, record: DeviceRecord) -> None:
        self._pending[record.device_id] = record
        self._changed.add(record.device_id)
        self._due.set()

    def _note_activity(self, record: DeviceRecord, now: int) -> None:
        silent_ms = now - record.heard_ms
        record.heard_ms = now
        record.last_activity_unix_ms = self._now_ms()
        self._pending[record.device_id] = record
        if silent_ms >= self._inactivity_ms:  # it may have been inactive
            self._note_change(record)

    def _forget_idle(self, record: DeviceRecord) -> None:
        """Forget a record that is written and has no session."""
        if not record.sessions and record.device_id not in self._pending:
            self._records.pop(record.device_id, None)

    def _tell(self, device_ids: Sequence[bytes]) -> None:
        if device_ids:
            for listener in self._listeners:
                listener(device_ids)
