"""What the author of a transport implements, and what a worker gives to it.

A transport is an `Endpoint` that speaks one protocol to devices, and one `DeviceSession` for each living connection of
a device. Everything runs on one event loop: no method may block, none may await. What devices say goes to the core with
`Link.send`; what the core says arrives at the session's methods, in the order in which the core said it.

A package registers its endpoint under the entry point group `trunkline.transports`; the name there is the transport's
name. `trunkline.transports.conformance` is the test that every endpoint must pass.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol, Self

from pydantic_settings import BaseSettings

from trunkline.contract.streams.frames import (
    CloseSession,
    Connected,
    Deliver,
    DeviceCallAnswer,
    DeviceDataAnswer,
    Refused,
    TransportProfile,
    WorkerFrame,
)
from trunkline.v1.transport_service_pb2 import DisconnectCause

ENTRY_POINTS = "trunkline.transports"
"""The entry point group in which endpoints are found."""


class DeviceSession(Protocol):
    """One session, told what the core says about it. The worker calls it; a raised exception is logged and counted."""

    def connected(self, frame: Connected) -> None:
        """The credentials were good; deliveries come once the device has subscribed."""
        ...

    def refused(self, frame: Refused) -> None:
        """The credentials were not good, or the core cannot say. The session is over; send nothing more for it."""
        ...

    def subscribed(self) -> None:
        """The oldest unanswered Subscribe of this session is in force: what is delivered next follows it."""
        ...

    def deliver(self, call: Deliver, now: int) -> bool:
        """Hand a call to the device. `now` is the monotonic clock in milliseconds; a call has time left when it comes
        here, and where it waits it must not go out after its `deadline_ms`.

        A call may come again under its request id while an earlier delivery of it is not yet acknowledged: that is one
        more delivery, with a report of its own. A device that can be told more than method and params should hear
        what is left of the call's time, and its `call_id`.

        True: it was written to the socket or to a bounded buffer before it. False, or an exception: it was not, and
        the core may deliver it again later. Where the session subscribed with ACKNOWLEDGEMENT_EXPLICIT, a
        DeliveryReport follows every True.
        """
        ...

    def withdraw(self, request_id: int) -> None:
        """The call ended before its acknowledgement. Where it still waits here, it must not go out any more, and a
        report says NOT_SENT; where it was written, nothing changes, and its report follows as ever."""
        ...

    def answer(self, frame: DeviceCallAnswer) -> None:
        """The answer to a DeviceCall of this session, at most one for each; none if the core went away."""
        ...

    def data_answer(self, frame: DeviceDataAnswer) -> None:
        """The answer to a DeviceData that asked for one."""
        ...

    def reply_stored(self, request_id: int) -> None:
        """A reply that was sent with `keep` is safe now: its device may be told so."""
        ...

    def close(self, frame: CloseSession) -> None:
        """The core ends the session: tell the device why, and end it with `Link.closed`."""
        ...


class Link(Protocol):
    """A worker's way to the core, as its endpoint sees it. Sending never waits, whether the core is there or not."""

    def opened(self, session: DeviceSession) -> int:
        """The number of a new session; its first frame is a Connect."""
        ...

    def send(self, frame: WorkerFrame) -> bool:
        """Send a frame of a session. False: it was dropped, because the session is over or because too many replies
        wait to be stored; the device must not be told that it arrived.

        A Reply may come back with `keep` set: then the device may be told only at `reply_stored`. Raises
        TrunklineError (PAYLOAD_TOO_LARGE) for a frame that the core could not take.
        """
        ...

    def reads(self, session: int) -> bool:
        """Whether more may be read from this session's device. Ask after sending a Reply that came back with `keep`,
        and again at `reply_stored`; what concerns all devices comes as `Endpoint.read_devices`."""
        ...

    def profile(self, profile_id: bytes) -> TransportProfile | None:
        """The device profile that a Connected named, as it is now. It may change at any time: ask when it matters, and
        keep no copy. None: the core said nothing of it, and the standard holds."""
        ...

    def closed(self, session: int, cause: DisconnectCause.ValueType) -> None:
        """The session is over; nothing follows for it, either way."""
        ...

    def rejected(self, reason: str) -> None:
        """Count input of a device that was refused: a few fixed words, such as `malformed_packet`."""
        ...


class Endpoint(Protocol):
    """One protocol's side of a worker."""

    settings: ClassVar[type[BaseSettings]]
    """The endpoint's own settings, with their environment prefix."""

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> Self:
        """An endpoint that is not yet started."""
        ...

    async def start(self, link: Link) -> None:
        """Begin to take devices; listening sockets are open when it returns. OSError if an address is taken."""
        ...

    def read_devices(self, reading: bool) -> None:
        """Stop (False) or go on (True) reading what devices send: the link holds as much unacknowledged as it may.
        Clocks that end sessions stand still meanwhile."""
        ...

    def refuse_devices(self) -> None:
        """Take no new sessions from now on: the worker is about to end."""
        ...

    def busy(self) -> bool:
        """Whether a device has yet to acknowledge a call, or to be answered: a worker that ends waits a while."""
        ...

    async def stop(self) -> None:
        """End all sessions, telling their devices, and close everything."""
        ...

    def addresses(self) -> Sequence[str]:
        """Where devices find it, as URLs: `mqtt://127.0.0.1:1883`."""
        ...
