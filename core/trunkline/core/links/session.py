"""A session: one live connection of a device, as the core knows it, and the key under which its machine knows it."""

from typing import TYPE_CHECKING

from trunkline.contract.streams.frames import CloseSession, Deliver, Withdraw
from trunkline.core.calls.machine import DeviceCalls
from trunkline.core.calls.model import Call
from trunkline.core.presence.record import Visit
from trunkline.v1.error_pb2 import ErrorReason

if TYPE_CHECKING:
    from trunkline.core.links.worker_link import WorkerLink


class DeviceSession:
    """What the machine's effects need of a session: they become frames on its link."""

    __slots__ = ("closing", "device_id", "handle", "link", "machine", "over", "visit")

    def __init__(
        self,
        link: "WorkerLink",
        handle: int,
        device_id: bytes,
        machine: DeviceCalls,
        visit: Visit,
    ) -> None:
        self.link = link
        self.handle = handle
        self.device_id = device_id
        self.machine = machine
        self.visit = visit
        self.closing = False
        """It was told to close."""
        self.over = False
        """Nothing more is awaited of it but what became of its deliveries."""

    def deliver(self, call: Call, prompt: bool) -> None:
        """Queue the call on the link."""
        self.link.end.send(
            Deliver(
                self.handle,
                call.request_id,
                call.method,
                call.params,
                call.deadline_ms,
                call.kind,
                call.call_id,
                call.keeping is not None,
                prompt,
            )
        )

    def withdraw(self, request_id: int) -> bool:
        """Take a delivery back: out of the outbox, or with a frame if it was written; True in the latter case."""
        if self.link.end.take_back(self.handle, request_id):
            return False
        self.link.end.send(Withdraw(self.handle, request_id))
        return True

    def close(self, reason: ErrorReason.ValueType, detail: str = "") -> None:
        """End the session; the worker closes the device's connection and says Disconnected."""
        if self.link.ending(self):
            self.link.end.send(CloseSession(self.handle, reason, detail))
