"""One worker as the core sees it: its end of the link, which outlives broken streams, and the sessions on it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from trunkline.contract.clock import Clock
from trunkline.contract.errors import reason_name
from trunkline.contract.logs import get_logger
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
    Unsubscribe,
    WorkerFrame,
)
from trunkline.contract.streams.wire import Unreadable
from trunkline.core.calls.model import Effect
from trunkline.core.calls.runner import CallRunner
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.links.admission import Admission
from trunkline.core.links.openings import Opening, Openings, WorkerEffect
from trunkline.core.links.refusals import Refusals
from trunkline.core.links.session import DeviceSession
from trunkline.core.links.told_profiles import ToldProfiles
from trunkline.core.metrics import Counters
from trunkline.core.presence.tracker import PresenceTracker
from trunkline.core.profiles.transports import TransportProfiles
from trunkline.core.storing.replies import Replies
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DataKind, SessionKind

log = get_logger(__name__)

NO_HANDLER: Final = "No handler answers device-originated calls on this server"

_ATTRIBUTES_REQUEST: Final = DataKind.DATA_KIND_ATTRIBUTES_REQUEST
_ASYNCHRONOUS: Final = SessionKind.SESSION_KIND_ASYNCHRONOUS


class WorkerLink:
    """One incarnation of a worker. Frames come in through `handle`, in the order in which the worker sent them."""

    def __init__(
        self,
        hello: LinkHello,
        end: CoreEnd,
        *,
        clock: Clock,
        runner: CallRunner,
        replies: Replies,
        admission: Admission,
        profiles: TransportProfiles,
        presence: PresenceTracker,
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
        self._replies = replies
        self._presence = presence
        self._next_epoch = next_epoch
        self._suspension_ms = suspension_ms
        self._counters = counters
        self.sessions: dict[int, DeviceSession] = {}
        self._openings = Openings(admission, self._settled)
        self._ended: dict[int, DeviceSession] = {}
        """Sessions that are over or told to close, until their Disconnected came and each delivery's fate is known."""
        self._refused = Refusals()
        self._named: set[int] = set()
        """The sessions that the list of Resumes has named so far."""
        self._naming = False
        self._profiles = profiles
        self._told_profiles = ToldProfiles(profiles, end.send)
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

    @property
    def returning(self) -> bool:
        """Its worker is back, and not all of the sessions it has are here again yet."""
        return not self._down and (self._naming or self._openings.resuming)

    # --- the stream's life ---

    def welcomed(self, effects: Sequence[WorkerEffect]) -> None:
        """The worker said hello on a fresh stream; `effects` settle what was under way on the old one."""
        self.stop_clock()
        self._down = False
        self._naming = True
        self._named.clear()
        self._told_profiles.tell_again()
        self.handle(effects)
        for handle in self.end.unheard_sessions() - self.sessions.keys():
            ended = self._ended.get(handle)
            if ended is None or not ended.closing:  # it was lost before its worker hears that it began
                self.end.send(CloseSession(handle, ErrorReason.ERROR_REASON_SESSION_UNKNOWN))
        self._openings.go_on()

    def broken(self, effects: Sequence[WorkerEffect]) -> None:
        """The stream is gone: the sessions are suspended, and closed unless the worker is back in time. `effects` are
        what never left."""
        self._down = True
        self._openings.stop()
        now = self._clock()
        for session in (*self.sessions.values(), *self._ended.values()):
            self._perform(session, session.machine.session_suspended(session, now))
        self.handle(effects)
        self.stop_clock()
        self._suspension = asyncio.get_running_loop().call_later(self._suspension_ms / 1000, self.lost)

    def lost(self) -> None:
        """The worker did not come back, or a new incarnation of it did: its sessions are over.

        If it comes back after all, its hello still tells what became of their deliveries.
        """
        self.stop_clock()
        now = self._clock()
        self._ended.update(self.sessions)
        self.sessions.clear()
        for session in list(self._ended.values()):
            session.over = session.over or not session.closing
            self.end.forget(session.handle)
            self._closed(session, now)
            self._settle(session)

    def stop_clock(self) -> None:
        """Let the suspension have no end."""
        if self._suspension is not None:
            self._suspension.cancel()
            self._suspension = None

    # --- frames ---

    def handle(self, effects: Sequence[WorkerEffect]) -> None:
        """Handle what came, in order; a frame that fails is logged, counted and counts as handled."""
        for effect in effects:
            try:
                if not self._openings.holds(effect):
                    self._handlers[type(effect)](effect)
            except Exception:
                log.exception("frame_failed", frame=type(effect).__name__, worker=self.worker_id)
                self._counters.rejected("link_frame")

    def _connect(self, frame: Connect) -> None:
        if frame.session not in self.sessions and frame.session not in self._openings:  # else it had come
            self._openings.begin(frame)

    def _resume(self, frame: Resume) -> None:
        handle = frame.session
        self._named.add(handle)
        ended = self._ended.get(handle)
        if ended is None or not ended.closing:
            self._openings.begin(frame)
        else:  # CloseSession is on its way again; until the worker answers it, it speaks for what it has
            self._perform(ended, ended.machine.session_unsuspended(ended, self._clock()))

    def _settled(self, opening: Opening, outcome: DeviceEntry | Refused) -> None:
        frame = opening.frame
        if isinstance(frame, Connect):
            outcome = self._profiles.checked(frame, outcome, self.transport)
            if isinstance(outcome, Refused):
                self._refused.add(frame.session)
                self._counters.refused_session(outcome.reason)
                self.end.send(outcome)
                return  # what came behind it is dropped
            self._admitted(frame, outcome)
        elif isinstance(outcome, Refused):
            self._turn_away(frame.session, outcome.reason, outcome.detail)
        else:
            self._readmitted(frame, outcome)
        self.handle(opening.behind)

    def _admitted(self, frame: Connect, device: DeviceEntry) -> None:
        handle = frame.session
        epoch = self._next_epoch()
        session = self._add(frame, device.device_id)
        effects = session.machine.session_opened(session, epoch, frame.kind, frame.max_inflight, self._clock())
        self._counters.opened_session()
        self.end.send(
            Connected(
                handle,
                device_id=device.device_id,
                epoch=epoch,
                device_name=device.name,
                credentials_version=device.credentials_version,
                profile_id=device.profile_id,
                gateway=device.gateway,
                profile=self._told_profiles.untold(device.profile_id),
            )
        )
        self._perform(session, effects)

    def _readmitted(self, frame: Resume, device: DeviceEntry) -> None:
        handle = frame.session
        self._ended.pop(handle, None)
        session = self.sessions.get(handle) or self._add(frame, device.device_id)
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
        self._told_profiles.tell(device.profile_id)  # the worker may know it from another core, and older
        self._perform(session, effects)

    def _add(self, frame: Connect | Resume, device_id: bytes) -> DeviceSession:
        visit = self._presence.opened(
            device_id, connects=frame.kind == _ASYNCHRONOUS, resumed=isinstance(frame, Resume)
        )
        session = DeviceSession(self, frame.session, device_id, self._runner.machine(device_id), visit)
        self.sessions[frame.session] = session
        return session

    def _turn_away(self, handle: int, reason: ErrorReason.ValueType, detail: str = "") -> None:
        """Close a session that the worker speaks of and that may not go on, or is none."""
        session = self.sessions.get(handle)
        if session is None:
            self._refused.add(handle)
            self.end.send(CloseSession(handle, reason, detail))
        else:
            self._close(session, reason, detail)

    def _close(self, session: DeviceSession, reason: ErrorReason.ValueType, detail: str = "") -> None:
        now = self._clock()
        self._perform(session, session.machine.session_unsubscribed(session, now))
        if not self._down:
            self._perform(session, session.machine.session_unsuspended(session, now))
        session.close(reason, detail)

    def _resumed(self, frame: Resumed) -> None:
        """The list is complete: what it did not name is over, unless the worker cannot know of it yet."""
        self._naming = False
        now = self._clock()
        unheard = self.end.unheard_sessions()
        for session in [*self.sessions.values(), *self._ended.values()]:
            if session.over or session.handle in self._named:
                continue
            if session.handle in unheard:
                self._perform(session, session.machine.session_unsuspended(session, now))
            else:
                self._end(session)

    def _known(self, frame: WorkerFrame) -> DeviceSession | None:
        """The session whose device says this; None if the core does not know it or has told it to close."""
        handle = frame.session
        session = self.sessions.get(handle)
        if session is not None:
            self._presence.heard(session.visit, self._clock())
        elif handle not in self._refused and handle not in self._ended:
            self._turn_away(handle, ErrorReason.ERROR_REASON_SESSION_UNKNOWN)
        return session

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

    # --- a session's end ---

    def ending(self, session: DeviceSession) -> bool:
        """The core ends this session; False if it is ending already. It is over when its Disconnected comes, for its
        calls at once while the link is down."""
        if self.sessions.pop(session.handle, None) is None:
            return False
        session.closing = True
        self._ended[session.handle] = session
        if self._down:
            self.end.forget(session.handle)
            self._closed(session, self._clock())
        return True

    def close_device(self, device_id: bytes, reason: ErrorReason.ValueType) -> None:
        """End the device's sessions here, such as after its credentials were changed."""
        for session in [one for one in self.sessions.values() if one.device_id == device_id]:
            log.info("session_closed", device_id=device_id.hex(), reason=reason_name(reason))
            self._close(session, reason)

    def _disconnected(self, frame: Disconnected) -> None:
        self._refused.discard(frame.session)
        session = self.sessions.get(frame.session) or self._ended.get(frame.session)
        if session is not None and not session.over:
            self._counters.closed_session(frame.cause)
            self._end(session)

    def _end(self, session: DeviceSession) -> None:
        """The worker has no such session any more; what it acks of it may still be on its way."""
        self.sessions.pop(session.handle, None)
        self._ended[session.handle] = session
        session.over = True
        self._closed(session, self._clock())
        self._settle(session)

    def _closed(self, session: DeviceSession, now: int) -> None:
        self._presence.closed(session.visit)
        self._perform(session, session.machine.session_closed(session, now))

    def _settle(self, ended: DeviceSession) -> None:
        """Forget a session that is over and has nothing more to tell."""
        if ended.over and not ended.machine.awaits(ended):
            self._ended.pop(ended.handle, None)
            self._runner.release(ended.device_id)

    def profile_changed(self, profile_id: bytes) -> None:
        """Tell the worker, unless it is away: all that it knows is told again when it is back."""
        if not self._down:
            self._told_profiles.changed(profile_id)

    # --- deliveries ---

    def _written(self, effect: Written) -> None:
        session = self.sessions.get(effect.session)
        if session is not None:
            self._perform(session, session.machine.written(session, effect.request_id, self._clock()))
            return
        ended = self._ended.get(effect.session)
        if ended is not None:
            self._perform(ended, ended.machine.written(ended, effect.request_id, self._clock()))
            self._settle(ended)

    def _not_written(self, effect: NotWritten) -> None:
        session = self.sessions.get(effect.session) or self._ended.get(effect.session)
        if session is not None:
            self._perform(session, session.machine.not_written(session, effect.request_id, self._clock()))
            self._settle(session)

    def _report(self, frame: DeliveryReport) -> None:
        session = self.sessions.get(frame.session) or self._ended.get(frame.session) or self._known(frame)
        if session is not None:
            self._perform(session, session.machine.reported(session, frame.request_id, frame.state, self._clock()))
            self._settle(session)

    def _reply(self, frame: Reply) -> None:
        session = self.sessions.get(frame.session) or self._ended.get(frame.session)
        device_id = frame.device_id or (session.device_id if session else self._openings.device_id(frame.session))
        if not device_id:
            self._known(frame)
            if frame.keep:
                self.end.send(ReplyStored(frame.session, frame.request_id))  # nobody can tell whose it is
            return
        now = self._clock()
        if frame.keep:
            told = ReplyStored(frame.session, frame.request_id)
            self._replies.came(device_id, frame, lambda: self.end.send(told), now)
        else:
            stray = self._runner.replied(device_id, frame.request_id, frame.payload, frame.error, now)
            if stray is not None:
                self._runner.stray(device_id, frame.request_id, frame.payload, stray)
        if session is None:
            self._runner.release(device_id)
        else:
            self._presence.heard(session.visit, now)

    # --- what devices say of their own accord ---

    def _device_call(self, frame: DeviceCall) -> None:
        if frame.session in self._openings or self._known(frame) is not None:
            self.end.send(DeviceCallAnswer(frame.session, frame.id, error=NO_HANDLER))

    def _device_data(self, frame: DeviceData) -> None:
        if frame.session in self._openings or self._known(frame) is not None:
            if frame.kind == _ATTRIBUTES_REQUEST:
                self.end.send(DeviceDataAnswer(frame.session, frame.id, b"{}"))

    def _activity(self, frame: Activity) -> None:
        self._counters.activity(len(frame.sessions))
        now = self._clock()
        for handle in frame.sessions:
            session = self.sessions.get(handle)
            if session is not None:
                self._presence.heard(session.visit, now)

    def _unreadable(self, frame: Unreadable) -> None:
        log.warning("frame_unreadable", problem=frame.problem, worker=self.worker_id)
        self._counters.rejected("link_frame")

    def _perform(self, session: DeviceSession, effects: Sequence[Effect]) -> None:
        if effects:
            self._runner.perform(session.device_id, effects)
