"""All sessions of a worker, and what a core must hear of them after a break."""

from collections.abc import Iterable
from typing import Final

from trunkline.contract.streams.frames import (
    Connect,
    Connected,
    CoreFrame,
    DeliveryReport,
    DeviceCall,
    Disconnected,
    Drain,
    ProfileChanged,
    Refused,
    Reply,
    ReplyStored,
    Resumed,
    Subscribed,
    WorkerFrame,
)
from trunkline.contract.streams.kept_replies import KeptReplies
from trunkline.contract.streams.outbox import Outbox
from trunkline.contract.streams.worker_session import WorkerSession
from trunkline.v1.transport_service_pb2 import SessionKind

_ASYNCHRONOUS: Final = SessionKind.SESSION_KIND_ASYNCHRONOUS

_OF_THE_LINK: Final = (Drain, ProfileChanged)


class WorkerSessions:
    """The sessions by their number, parents before their children.

    A session stays until the core has handled its Disconnected, since a core that has not must hear of it again.
    """

    def __init__(self, outbox: Outbox[WorkerFrame], replies: KeptReplies) -> None:
        self.by_number: dict[int, WorkerSession] = {}
        self.ending = 0
        """How many are over and still here."""
        self._outbox = outbox
        self._replies = replies

    def connect(self, frame: Connect) -> WorkerSession | None:
        """A new session; None for the child of a parent that is gone."""
        session = WorkerSession(frame)
        if session.parent:
            parent = self.by_number.get(session.parent)
            if parent is None or parent.over:
                return None
            parent.has_children = True
        self.by_number[frame.session] = session
        return session

    def end(self, number: int, session: WorkerSession) -> bool:
        """A session is over, and its children are; False if no core ever heard of it, so none need hear of its end."""
        if session.connect is not None and session.kind == _ASYNCHRONOUS and self._outbox.remove(session.connect):
            self._drop(number, session)
            return False
        self._over(number, session)
        for child_number, child in self._children(number, session):
            if not child.over:
                self._over(child_number, child)
        return True

    def handled(self, frames: Iterable[WorkerFrame]) -> None:
        """The core handled these frames: forget the sessions that they ended."""
        for frame in frames:
            if isinstance(frame, Disconnected):
                session = self.by_number.get(frame.session)
                if session is not None:
                    self._forget(frame.session, session)

    def passes(self, frame: CoreFrame) -> bool:
        """Note what a frame other than a Deliver says of its session; whether the endpoint must hear of it."""
        session = self.by_number.get(frame.session)
        if isinstance(frame, ReplyStored):
            kept = self._replies.remove(frame.session, frame.request_id)
            if session is None:
                return False
            session.kept_replies -= kept
        elif session is None:
            return isinstance(frame, _OF_THE_LINK)
        elif isinstance(frame, Connected):
            session.connected(frame)
        elif isinstance(frame, Refused):
            self._drop(frame.session, session)
        elif isinstance(frame, Subscribed):
            session.subscribed()
        return not session.over

    def known_to_core(self) -> list[WorkerFrame]:
        """The list that follows the welcome: every session that some core knows, and that these were all."""
        resumes: list[WorkerFrame] = [
            session.resume(number) for number, session in self.by_number.items() if session.epoch
        ]
        resumes.append(Resumed(0))
        return resumes

    def again(self, missed: list[WorkerFrame], *, known: bool) -> list[WorkerFrame]:
        """What is to be written again, in order, and before what waits in the outbox.

        `missed`: frames that were written and that the core which welcomed us has not handled. `known`: it is the
        core that they were written to; another one lacks also what its predecessor had handled.
        """
        waiting = {id(frame) for frame in missed}
        waiting.update(id(frame) for frame in self._outbox)
        first: list[WorkerFrame] = []
        for number, session in list(self.by_number.items()):
            if number not in self.by_number:
                continue  # it was dropped with its parent
            if session.connect is not None:
                lost = not known or id(session.connect) in waiting
                if lost and session.over and session.kind == _ASYNCHRONOUS:
                    self._drop(number, session)
                    continue
                if not known and id(session.connect) not in waiting:
                    first.append(session.connect)
            for asked in session.asked or ():
                if id(asked[0]) in waiting:
                    continue
                if known:
                    session.grant(*asked)
                else:
                    first.append(asked[0])
            if not known:
                first.extend(report for report in session.overdue or () if id(report) not in waiting)
        for reply in list(self._replies):
            if id(reply) not in waiting and self._worth_repeating(reply, known):
                first.append(reply)
        return first + [frame for frame in missed if self._worth_repeating(frame, known)]

    def _worth_repeating(self, frame: WorkerFrame, known: bool) -> bool:
        session = self.by_number.get(frame.session)
        if isinstance(frame, Reply):
            if session is not None:
                frame.device_id = session.device_id
            return session is not None or bool(frame.device_id)
        if isinstance(frame, DeviceCall):
            return known and session is not None
        return session is not None or frame.session == 0 or isinstance(frame, DeliveryReport)

    def _over(self, number: int, session: WorkerSession) -> None:
        session.over = True
        self.ending += 1
        if session.kept_replies:
            for reply in self._replies.of(number):
                reply.device_id = session.device_id

    def _children(self, number: int, session: WorkerSession) -> Iterable[tuple[int, WorkerSession]]:
        if not session.has_children:
            return ()
        return [(child, known) for child, known in self.by_number.items() if known.parent == number]

    def _forget(self, number: int, session: WorkerSession) -> None:
        del self.by_number[number]
        self.ending -= session.over
        for child_number, child in self._children(number, session):
            self._forget(child_number, child)

    def _drop(self, number: int, session: WorkerSession) -> None:
        """Nothing of this session is to be said any more: the core refused it, or never heard of it."""
        self._forget_unsent(number, session)
        for child_number, child in self._children(number, session):
            self._forget_unsent(child_number, child)
        self._forget(number, session)

    def _forget_unsent(self, number: int, session: WorkerSession) -> None:
        if session.connect is not None:
            self._outbox.remove(session.connect)
        for frame in session.behind or ():
            self._outbox.remove(frame)
        for reply in self._replies.of(number) if session.kept_replies else ():
            self._replies.remove(number, reply.request_id)
