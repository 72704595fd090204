"""Sessions on their way in: their Connect or Resume is being looked up, and what the worker sent behind it waits."""

from collections.abc import Callable
from typing import Final

from trunkline.contract.streams.core_end import NotWritten, Written
from trunkline.contract.streams.frames import Connect, DeviceCall, DeviceData, Refused, Reply, Resume, WorkerFrame
from trunkline.contract.streams.outbox import frame_bytes
from trunkline.contract.streams.wire import Unreadable
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.links.admission import Admission
from trunkline.v1.error_pb2 import ErrorReason

BEHIND_BYTES: Final = 128 * 1024
"""What may wait behind one session: twice what a worker may send ahead. One frame may wait in any case."""

WorkerEffect = WorkerFrame | Written | NotWritten | Unreadable

_OF_NO_STATE: Final = (Reply, DeviceCall, DeviceData)
"""These mean the same before and after a session is resumed, so they need not wait: the store may be down for long."""


class Opening:
    """One of them."""

    __slots__ = ("_bytes", "asked", "behind", "frame")

    def __init__(self, frame: Connect | Resume) -> None:
        self.frame = frame
        self.behind: list[WorkerEffect] = []
        self.asked = False
        """Its look-up is under way."""
        self._bytes = 0

    def hold(self, effect: WorkerEffect) -> bool:
        """Let a frame wait; False if there is no room."""
        self._bytes += frame_bytes(effect) if isinstance(effect, WorkerFrame) else 0
        if self.behind and self._bytes > BEHIND_BYTES:
            return False
        self.behind.append(effect)
        return True


class Openings:
    """A link's sessions that are being looked up, by their numbers. They outlive a break of the link."""

    def __init__(self, admission: Admission, settled: Callable[[Opening, DeviceEntry | Refused], None]) -> None:
        """`settled` is called with each outcome while the link stands."""
        self._admission = admission
        self._settled = settled
        self._openings: dict[int, Opening] = {}
        self._standing = False

    def __contains__(self, session: int) -> bool:
        return session in self._openings

    @property
    def resuming(self) -> bool:
        """Whether sessions of before are among them."""
        return any(isinstance(opening.frame, Resume) for opening in self._openings.values())

    def begin(self, frame: Connect | Resume) -> None:
        """Look up a session; one that is being looked up is only described anew."""
        opening = self._openings.get(frame.session)
        if opening is None:
            opening = self._openings[frame.session] = Opening(frame)
        opening.frame = frame
        if not opening.asked:
            self._ask(opening)

    def holds(self, effect: WorkerEffect) -> bool:
        """Let what must wait behind its session's opening wait there. False: it need not wait.

        What is said while the link does not stand is of the time before it broke.
        """
        if not self._openings or not self._standing or isinstance(effect, Unreadable | Connect | Resume):
            return False
        opening = self._openings.get(effect.session)
        if opening is None or (isinstance(opening.frame, Resume) and isinstance(effect, _OF_NO_STATE)):
            return False
        if not opening.hold(effect):
            too_much = ErrorReason.ERROR_REASON_QUEUE_FULL
            self._settle(opening, Refused(effect.session, too_much, "Too much was sent before the session was open"))
        return True

    def device_id(self, session: int) -> bytes:
        """Whose session is being resumed under this number; empty if none is."""
        opening = self._openings.get(session)
        return opening.frame.device_id if opening is not None and isinstance(opening.frame, Resume) else b""

    def stop(self) -> None:
        """The link broke: what is found out meanwhile may be outdated when it is back."""
        self._standing = False

    def go_on(self) -> None:
        """The link is back: look up again whose outcome came meanwhile."""
        self._standing = True
        for opening in list(self._openings.values()):
            if not opening.asked:
                self._ask(opening)

    def _ask(self, opening: Opening) -> None:
        opening.asked = True
        frame = opening.frame
        if isinstance(frame, Connect):
            self._admission.connect(frame, lambda outcome: self._answered(opening, outcome))
        else:
            self._admission.resume(frame, lambda outcome: self._answered(opening, outcome))

    def _answered(self, opening: Opening, outcome: DeviceEntry | Refused) -> None:
        opening.asked = False
        if self._standing and self._openings.get(opening.frame.session) is opening:
            self._settle(opening, outcome)

    def _settle(self, opening: Opening, outcome: DeviceEntry | Refused) -> None:
        del self._openings[opening.frame.session]
        self._settled(opening, outcome)
