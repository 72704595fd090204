"""The shell around a worker's end of the link: what the core says goes to the sessions, what they say to the core."""

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from trunkline.contract.clock import Clock, monotonic_ms
from trunkline.contract.errors import TrunklineError, reason_name
from trunkline.contract.logs import get_logger
from trunkline.contract.metadata import LINK_SUPERSEDED_EXIT
from trunkline.contract.open_files import allow_open_files
from trunkline.contract.streams.frames import (
    CloseSession,
    Connected,
    CoreFrame,
    Deliver,
    DeliveryReport,
    DeviceCallAnswer,
    DeviceDataAnswer,
    Disconnected,
    Drain,
    ProfileChanged,
    Refused,
    Reply,
    ReplyStored,
    Subscribed,
    TransportProfile,
    Withdraw,
    WorkerFrame,
)
from trunkline.contract.streams.reconnect import stay_connected
from trunkline.contract.streams.wire import Connector, Unreadable
from trunkline.contract.streams.worker_end import Effect, Linked, ReadOn, Unlinked, WorkerEnd
from trunkline.transports.counters import WorkerCounters
from trunkline.transports.endpoint import DeviceSession, Endpoint
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DeliveryState, DisconnectCause

LAST_WORDS_S: Final = 1.0
"""How long a worker that ends waits for the core to hear of its sessions' ends."""

_NOT_SENT: Final = DeliveryState.DELIVERY_STATE_NOT_SENT

log = get_logger(__name__)


class Worker:
    """One endpoint and its link. `start` it, watch `ended`, and `drain` it in the end.

    For the endpoint it is the Link; see there for `opened`, `send`, `reads`, `profile`, `closed` and `rejected`.
    """

    def __init__(
        self,
        transport: str,
        endpoint: Endpoint,
        connector: Connector[WorkerFrame, CoreFrame | Unreadable],
        *,
        worker_id: str,
        drain_grace_s: float,
        clock: Clock = monotonic_ms,
    ) -> None:
        self._end = WorkerEnd(worker_id, transport, os.urandom(16))
        self.counters = WorkerCounters(transport, self._end)
        self.worker_id = worker_id
        self._endpoint = endpoint
        self._connector = connector
        self._drain_grace_s = drain_grace_s
        self._clock = clock
        self._link: asyncio.Task[None]
        self._sessions: dict[int, DeviceSession] = {}
        self._profiles: dict[bytes, TransportProfile] = {}
        self._last_number = 0
        self._reading = True
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Connected: self._connected,
            Refused: self._refused,
            ProfileChanged: lambda frame: self._learn(frame.profile),
            Drain: lambda frame: log.info("core_drains", grace_ms=frame.grace_ms),
            Linked: self._linked,
            Unlinked: self._unlinked,
            ReadOn: lambda effect: self._read_devices(True),
            Unreadable: self._unreadable,
        }
        self._tells: dict[type[Any], Callable[[DeviceSession, Any], None]] = {
            Withdraw: lambda session, frame: session.withdraw(frame.request_id),
            Subscribed: lambda session, frame: session.subscribed(),
            ReplyStored: lambda session, frame: session.reply_stored(frame.request_id),
            DeviceCallAnswer: lambda session, frame: session.answer(frame),
            DeviceDataAnswer: lambda session, frame: session.data_answer(frame),
            CloseSession: lambda session, frame: session.close(frame),
        }
        """What concerns one session alone, and nobody once that is over."""

    # --- its life ---

    async def start(self) -> None:
        """Listen for devices and begin to connect to the core. OSError if the endpoint's address is taken."""
        allow_open_files()
        await self._endpoint.start(self)
        self._link = asyncio.create_task(
            stay_connected(self._connector, self._end, self._handle, clock=self._clock), name="link"
        )
        log.info("worker_started", worker=self.worker_id, at=", ".join(self._endpoint.addresses()))

    async def ended(self) -> int:
        """Wait until the worker cannot go on; the exit code. 0 once it was drained."""
        try:
            await asyncio.wait((self._link,))
            if not self._link.cancelled():
                self._link.result()
        except TrunklineError as error:
            if error.reason == ErrorReason.ERROR_REASON_LINK_SUPERSEDED:
                log.error(
                    "worker_superseded",
                    worker=self.worker_id,
                    advice="another worker took this name; give each its own with TRUNKLINE_WORKER_WORKER_ID",
                )
                return LINK_SUPERSEDED_EXIT
            log.error("link_refused", reason=reason_name(error.reason), detail=error.message)
            return 1
        return 0

    async def drain(self) -> None:
        """Take no new sessions, wait a while for what devices still owe and for what is owed to them, then end
        everything."""
        self._endpoint.refuse_devices()
        await self._until(lambda: not self._endpoint.busy() and not self._end.kept_replies, self._drain_grace_s)
        await self._endpoint.stop()
        await self._until(lambda: not self._end.linked or not self._end.unacked_bytes, LAST_WORDS_S)
        self._link.cancel()
        await asyncio.wait((self._link,))

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = self._clock() + seconds * 1000
        while not done() and self._clock() < deadline:  # noqa: ASYNC110  # no hot path pays for an event
            await asyncio.sleep(0.02)

    # --- what sessions say: the Link of endpoint.py ---

    def opened(self, session: DeviceSession) -> int:
        self._last_number += 1
        self._sessions[self._last_number] = session
        self.counters.opened += 1
        self.counters.sessions += 1
        return self._last_number

    def send(self, frame: WorkerFrame) -> bool:
        end = self._end
        taken = end.send(frame)
        if isinstance(frame, Reply):
            self.counters.replies += 1
        if self._reading and not end.reading:
            self._read_devices(False)
        return taken

    def reads(self, session: int) -> bool:
        return self._end.reads(session)

    def profile(self, profile_id: bytes) -> TransportProfile | None:
        return self._profiles.get(profile_id)

    def closed(self, session: int, cause: DisconnectCause.ValueType) -> None:
        if self._sessions.pop(session, None) is not None:
            self.counters.sessions -= 1
            self.counters.closed[cause] += 1
            self.send(Disconnected(session, cause))

    def rejected(self, reason: str) -> None:
        self.counters.rejected[reason] += 1

    # --- what the core says ---

    def _handle(self, effects: Sequence[Effect]) -> None:
        """Sessions may end while earlier frames of the same batch are handled."""
        now = self._clock()
        counters = self.counters
        sessions = self._sessions
        for effect in effects:
            try:
                if isinstance(effect, Deliver):
                    session = sessions.get(effect.session)
                    if session is not None and effect.deadline_ms > now and session.deliver(effect, now):
                        counters.delivered += 1
                    else:
                        self._not_sent(effect)
                elif isinstance(effect, CoreFrame) and (tell := self._tells.get(type(effect))) is not None:
                    session = sessions.get(effect.session)
                    if session is not None:
                        tell(session, effect)
                else:
                    self._handlers[type(effect)](effect)
            except Exception:
                counters.failed_frames += 1
                log.exception("frame_failed", frame=type(effect).__name__)
                if isinstance(effect, Deliver):
                    self._not_sent(effect)

    def _not_sent(self, delivery: Deliver) -> None:
        self.counters.not_sent += 1
        self._end.send(DeliveryReport(delivery.session, delivery.request_id, _NOT_SENT))

    def _connected(self, frame: Connected) -> None:
        if frame.profile is not None:
            self._learn(frame.profile)
        self._sessions[frame.session].connected(frame)

    def _learn(self, profile: TransportProfile) -> None:
        self._profiles[profile.profile_id] = profile

    def _refused(self, frame: Refused) -> None:
        session = self._sessions.pop(frame.session)
        self.counters.sessions -= 1
        self.counters.refused[frame.reason] += 1
        session.refused(frame)

    def _linked(self, effect: Linked) -> None:
        self.counters.linked = 1
        log.info("linked", core=effect.core_id.hex(), new_core=effect.new_core, sessions=len(self._sessions))

    def _unlinked(self, effect: Unlinked) -> None:
        self.counters.linked = 0
        log.warning("unlinked", sessions=len(self._sessions))

    def _unreadable(self, effect: Unreadable) -> None:
        self.counters.failed_frames += 1
        log.warning("frame_unreadable", problem=effect.problem)

    def _read_devices(self, reading: bool) -> None:
        self._reading = reading
        log.info("reading_devices", reading=reading, unacked_bytes=self._end.unacked_bytes)
        self._endpoint.read_devices(reading)
