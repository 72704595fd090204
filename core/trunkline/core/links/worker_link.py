"""One worker as the core sees it: its end of the link, which outlives broken streams, and the sessions on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from trunkline.contract.clock import Clock
from trunkline.contract.errors import reason_name
from trunkline.contract.streams.core_end import CoreEnd, NotWritten, Written
from trunkline.contract.streams.frames import (
    Activity,
    CloseSession,
    Connect,
    Connected,
    DeliveryReport,
    DeviceCall,
    DeviceCallAnswer,
    DeviceData,
    DeviceDataAnswer,
    Disconnected,
    LinkHello,
    Refused,
    Reply,
    ReplyStored,
    Resume,
    Resumed,
    Subscribe,
    Subscribed,
    TransportProfile,
    Unsubscribe,
    WorkerFrame,
)
from trunkline.contract.streams.wire import Unreadable
from trunkline.core.calls.model import Effect
from trunkline.core.calls.runner import CallRunner
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.links.admission import Admission
from trunkline.core.links.session import DeviceSession
from trunkline.core.metrics import Counters
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DataKind, SessionKind

log = structlog.get_logger(__name__)

REMEMBERED_REFUSALS: Final = 10_000
"""Refused Connects whose frames may still be on their way."""

NO_HANDLER: Final = "No handler answers device-originated calls on this server"

WorkerEffect = WorkerFrame | Written | NotWritten | Unreadable


class WorkerLink:
    """One incarnation of a worker. Frames come in through `handle`, in the order in which the worker sent them."""

    def __init__(
        self,
        hello: LinkHello,
        end: CoreEnd,
        *,
        clock: Clock,
        runner: CallRunner,
        admission: Admission,
        next_epoch: Callable[[], int],
        suspension_ms: int,
        counters: Counters,
    ) -> None:
        self.worker_id = hello.worker_id
        self.incarnation = hello.incarnation
        self.transport = hello.transport
        self.end = end
        self._clock = clock
        self._runner = runner
        self._admission = admission
        self._next_epoch = next_epoch
        self._suspension_ms = suspension_ms
        self._counters = counters
        self.sessions: dict[int, DeviceSession] = {}
        self._opening: dict[int, list[WorkerFrame]] = {}
        """Sessions whose Connect or Resume is being looked up, with the frames that came behind it."""
        self._ended: dict[int, DeviceSession] = {}
        """Sessions that are over, until their last delivery is acked and their Disconnected has come."""
        self._refused: dict[int, None] = {}
        self._named: set[int] | None = None
        """While a list of Resumes is coming: the sessions it named."""
        self._list_ended = False
        self._told_profiles: dict[bytes, int] = {}
        self._unheard: set[int] = set()
        """Sessions that the worker does not know to be open: their Connected is on its way again."""
        self._down = True
        self._suspension: asyncio.TimerHandle | None = None
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Written: self._written,
            NotWritten: self._not_written,
            Connect: self._connect,
            Resume: self._resume,
            Resumed: self._resumed,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            Disconnected: self._disconnected,
            DeliveryReport: self._report,
            Reply: self._reply,
            DeviceCall: self._device_call,
            DeviceData: self._device_data,
            Activity: self._activity,
            Unreadable: self._unreadable,
        }

    # --- the stream's life ---

    def welcomed(self, effects: Sequence[WorkerEffect]) -> None:
        """The worker said hello on a fresh stream; `effects` settle what was under way on the old one."""
        self._stop_clock()
        self._down = False
        self._named = set()
        self._unheard = self.end.unheard_sessions()
        self._list_ended = False
        self._told_profiles.clear()
        self.handle(effects)

    def broken(self) -> None:
        """The stream is gone: the sessions are suspended, and closed unless the worker is back in time."""
        self._down = True
        now = self._clock()
        for session in list(self.sessions.values()):
            self._perform(session, session.machine.session_suspended(session, now))
        self._stop_clock()
        self._suspension = asyncio.get_running_loop().call_later(self._suspension_ms / 1000, self.lost)

    def lost(self) -> None:
        """The worker did not come back, or a new incarnation of it did: its sessions are over."""
        self._stop_clock()
        now = self._clock()
        over = [*self.sessions.values(), *self._ended.values()]
        self.sessions.clear()
        self._ended.clear()
        for session in over:
            self.end.forget(session.handle)
            self._perform(session, session.machine.session_closed(session, now))
            self._runner.release(session.device_id)
        self._opening.clear()

    def _stop_clock(self) -> None:
        if self._suspension is not None:
            self._suspension.cancel()
            self._suspension = None

    # --- frames ---

    def handle(self, effects: Sequence[WorkerEffect]) -> None:
        """Handle what came, in order; a frame that fails is logged, counted and counts as handled."""
        for effect in effects:
            try:
                self._handlers[type(effect)](effect)
            except Exception:
                log.exception("frame_failed", frame=type(effect).__name__, worker=self.worker_id)
                self._counters.rejected("link_frame")

    def ending(self, session: DeviceSession) -> None:
        """The core ends this session: it is over when its Disconnected comes, or at once while the link is down."""
        if self.sessions.pop(session.handle, None) is None:
            return
        self._ended[session.handle] = session
        if self._down:
            self.end.forget(session.handle)
            self._perform(session, session.machine.session_closed(session, self._clock()))

    def _connect(self, frame: Connect) -> None:
        if frame.session in self.sessions or frame.session in self._opening:
            return  # sent again after a break, and it had come
        self._opening[frame.session] = []
        self._admission.connect(frame, lambda outcome: self._admitted(frame, outcome))

    def _admitted(self, frame: Connect, outcome: DeviceEntry | Refused) -> None:
        handle = frame.session
        behind = self._opening.pop(handle, None)
        if behind is None:
            return  # the worker was lost meanwhile
        if isinstance(outcome, Refused):
            self._refuse(handle)
            self._counters.refused_session(outcome.reason)
            self.end.send(Refused(handle, outcome.reason, outcome.detail))
            return
        epoch = self._next_epoch()
        session = self._add(handle, outcome, epoch, frame.kind)
        effects = session.machine.session_opened(session, epoch, frame.kind, frame.max_inflight, self._clock())
        self._counters.opened_session()
        self.end.send(
            Connected(
                handle,
                device_id=outcome.device_id,
                epoch=epoch,
                device_name=outcome.name,
                credentials_version=outcome.credentials_version,
                profile_id=outcome.profile_id,
                gateway=outcome.gateway,
                profile=self._untold(outcome),
            )
        )
        self._perform(session, effects)
        self.handle(behind)

    def _add(self, handle: int, entry: DeviceEntry, epoch: int, kind: SessionKind.ValueType) -> DeviceSession:
        machine = self._runner.machine(entry.device_id)
        session = DeviceSession(self, handle, entry.device_id, machine, epoch, kind, entry.credentials_version)
        self.sessions[handle] = session
        return session

    def _untold(self, entry: DeviceEntry) -> TransportProfile | None:
        """The device's profile, if this link was not yet told its current version."""
        if self._told_profiles.get(entry.profile_id) == entry.profile_version:
            return None
        self._told_profiles[entry.profile_id] = entry.profile_version
        return TransportProfile(entry.profile_id, entry.profile_version)

    def _refuse(self, handle: int) -> None:
        self._refused[handle] = None
        if len(self._refused) > REMEMBERED_REFUSALS:
            del self._refused[next(iter(self._refused))]

    def _resume(self, frame: Resume) -> None:
        handle = frame.session
        if self._named is not None:
            self._named.add(handle)
        if handle in self._ended:
            self.end.send(CloseSession(handle, ErrorReason.ERROR_REASON_SESSION_SUPERSEDED))
            return
        self._opening[handle] = []
        self._admission.resume(frame, lambda outcome: self._readmitted(frame, outcome))

    def _readmitted(self, frame: Resume, outcome: DeviceEntry | Refused) -> None:
        handle = frame.session
        behind = self._opening.pop(handle, None)
        if behind is None:
            return
        if isinstance(outcome, Refused):
            self._close_unknown(handle, outcome.reason, outcome.detail)
            self._close_unnamed()
            return
        session = self.sessions.get(handle) or self._add(handle, outcome, frame.epoch, frame.kind)
        effects = session.machine.session_resumed(
            session,
            frame.epoch,
            frame.kind,
            frame.rpc_subscribed,
            frame.acknowledgement,
            frame.max_inflight,
            frame.open,
            self._clock(),
        )
        self._perform(session, effects)
        self.handle(behind)
        self._close_unnamed()

    def _close_unknown(self, handle: int, reason: ErrorReason.ValueType, detail: str) -> None:
        known = self.sessions.get(handle)
        if known is None:
            self._refuse(handle)
            self.end.send(CloseSession(handle, reason, detail))
            return
        known.close(reason, detail)
        self._perform(known, known.machine.session_closed(known, self._clock()))
        self._runner.release(known.device_id)

    def _resumed(self, frame: Resumed) -> None:
        self._list_ended = True
        self._close_unnamed()

    def _close_unnamed(self) -> None:
        """The list of Resumes is complete and looked up: what it did not name is over."""
        if self._named is None or not self._list_ended or any(handle in self._opening for handle in self._named):
            return
        named, self._named = self._named, None
        now = self._clock()
        for session in list(self.sessions.values()):
            if session.handle in named:
                continue
            if session.handle in self._unheard:
                self._perform(session, session.machine.session_unsuspended(session, now))
            else:
                self._over(session)

    def _known(self, frame: WorkerFrame) -> DeviceSession | None:
        """The session that a frame is about; None if the frame must wait, or is of a session the core does not know."""
        handle = frame.session
        session = self.sessions.get(handle)
        if session is not None:
            return session
        behind = self._opening.get(handle)
        if behind is not None:
            behind.append(frame)
        elif handle not in self._refused and handle not in self._ended:
            self._refuse(handle)
            self.end.send(CloseSession(handle, ErrorReason.ERROR_REASON_SESSION_UNKNOWN))
        return None

    def _subscribe(self, frame: Subscribe) -> None:
        session = self._known(frame)
        if session is None:
            return
        self.end.send(Subscribed(frame.session))  # before any delivery: it says how deliveries are acknowledged
        if frame.rpc:
            self._perform(session, session.machine.session_subscribed(session, frame.acknowledgement, self._clock()))

    def _unsubscribe(self, frame: Unsubscribe) -> None:
        session = self._known(frame)
        if session is not None and frame.rpc:
            self._perform(session, session.machine.session_unsubscribed(session, self._clock()))

    def _disconnected(self, frame: Disconnected) -> None:
        handle = frame.session
        self._refused.pop(handle, None)
        if handle in self._opening:
            self._opening[handle].append(frame)
            return
        ended = self._ended.get(handle)
        if ended is not None:
            self._finish(ended)
            return
        session = self.sessions.get(handle)
        if session is not None:
            self._counters.closed_session(frame.cause)
            self._over(session)

    def _over(self, session: DeviceSession) -> None:
        del self.sessions[session.handle]
        self._ended[session.handle] = session
        self._finish(session)

    def _finish(self, ended: DeviceSession) -> None:
        """The worker has no such session any more; what it acks of it may still be on its way."""
        ended.finished = True
        self._perform(ended, ended.machine.session_closed(ended, self._clock()))
        self._settle(ended)

    def _written(self, effect: Written) -> None:
        handle = effect.session
        session = self.sessions.get(handle)
        if session is not None:
            self._perform(session, session.machine.written(session, effect.request_id, self._clock()))
            return
        ended = self._ended.get(handle)
        if ended is not None:
            self._perform(ended, ended.machine.written(ended, effect.request_id, self._clock()))
            self._settle(ended)

    def _not_written(self, effect: NotWritten) -> None:
        session = self.sessions.get(effect.session) or self._ended.get(effect.session)
        if session is not None:
            self._perform(session, session.machine.not_written(session, effect.request_id, self._clock()))
            if effect.session in self._ended:
                self._settle(session)

    def _settle(self, ended: DeviceSession) -> None:
        if ended.finished and not self.end.unacked(ended.handle):
            self._ended.pop(ended.handle, None)
            self._runner.release(ended.device_id)

    def _report(self, frame: DeliveryReport) -> None:
        session = self.sessions.get(frame.session) or self._ended.get(frame.session) or self._known(frame)
        if session is not None:
            self._perform(session, session.machine.reported(session, frame.request_id, frame.state, self._clock()))

    def _reply(self, frame: Reply) -> None:
        session = self.sessions.get(frame.session) or self._ended.get(frame.session)
        device_id = frame.device_id or (session.device_id if session is not None else b"")
        if not device_id:
            self._known(frame)
            return
        machine = self._runner.machine(device_id)
        effects = machine.replied(frame.request_id, frame.payload, frame.error, self._clock())
        self._runner.perform(device_id, effects)
        if frame.keep:
            self.end.send(ReplyStored(frame.session, frame.request_id))  # it belongs to no stored call

    def _device_call(self, frame: DeviceCall) -> None:
        if self._known(frame) is not None:
            self.end.send(DeviceCallAnswer(frame.session, frame.id, error=NO_HANDLER))

    def _device_data(self, frame: DeviceData) -> None:
        if self._known(frame) is not None and frame.kind == DataKind.DATA_KIND_ATTRIBUTES_REQUEST:
            self.end.send(DeviceDataAnswer(frame.session, frame.id, b"{}"))

    def _activity(self, frame: Activity) -> None:
        self._counters.activity(len(frame.sessions))

    def _unreadable(self, frame: Unreadable) -> None:
        log.warning("frame_unreadable", problem=frame.problem, worker=self.worker_id)
        self._counters.rejected("link_frame")

    def _perform(self, session: DeviceSession, effects: Sequence[Effect]) -> None:
        if effects:
            self._runner.perform(session.device_id, effects)

    def close_device(self, device_id: bytes, reason: ErrorReason.ValueType) -> None:
        """End the device's sessions here, such as after its credentials were changed."""
        for session in [one for one in self.sessions.values() if one.device_id == device_id]:
            log.info("session_closed", device_id=device_id.hex(), reason=reason_name(reason))
            self._perform(session, session.machine.session_unsubscribed(session, self._clock()))
            session.close(reason)
