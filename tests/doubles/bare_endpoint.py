"""The smallest endpoint there can be: its devices are objects in the test."""

import asyncio
from typing import ClassVar, Self

from pydantic_settings import BaseSettings

from trunkline.contract.streams.frames import (
    CloseSession,
    Connect,
    Connected,
    Deliver,
    DeviceCallAnswer,
    DeviceDataAnswer,
    Frame,
    Refused,
    Subscribe,
)
from trunkline.transports.endpoint import Link
from trunkline.v1.transport_service_pb2 import Acknowledgement, DisconnectCause, SessionKind


class BareSettings(BaseSettings):
    """There is nothing to set."""


class BareDevice:
    """A session that keeps what it is told. `takes` says what `deliver` answers; an exception is raised."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.number = link.opened(self)
        self.told: asyncio.Queue[Frame | str | int] = asyncio.Queue()
        self.takes: bool | Exception = True

    def connect(self, token: str) -> None:
        """Show credentials."""
        self.link.send(Connect(self.number, SessionKind.SESSION_KIND_ASYNCHRONOUS, 16, access_token=token))

    def subscribe(self) -> None:
        """Ask for calls."""
        self.link.send(Subscribe(self.number, True, False, Acknowledgement.ACKNOWLEDGEMENT_IMPLIED))

    def connected(self, frame: Connected) -> None:
        self.told.put_nowait(frame)

    def refused(self, frame: Refused) -> None:
        self.told.put_nowait(frame)

    def subscribed(self) -> None:
        self.told.put_nowait("subscribed")

    def deliver(self, call: Deliver, now: int) -> bool:
        self.told.put_nowait(call)
        if isinstance(self.takes, Exception):
            raise self.takes
        return self.takes

    def withdraw(self, request_id: int) -> None:
        self.told.put_nowait(request_id)

    def answer(self, frame: DeviceCallAnswer) -> None:
        self.told.put_nowait(frame)

    def data_answer(self, frame: DeviceDataAnswer) -> None:
        self.told.put_nowait(frame)

    def reply_stored(self, request_id: int) -> None:
        self.told.put_nowait(request_id)

    def close(self, frame: CloseSession) -> None:
        self.told.put_nowait(frame)
        self.link.closed(self.number, DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE)


class BareEndpoint:
    """Notes what the worker asks of it."""

    settings: ClassVar[type[BaseSettings]] = BareSettings

    def __init__(self) -> None:
        self.link: Link
        self.asked: list[str] = []
        self.reading = asyncio.Event()
        """Set unless the worker said to read no devices."""
        self.reading.set()
        self.owed = False
        """Whether a device owes something: what `busy` says."""

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> Self:
        return cls()

    async def start(self, link: Link) -> None:
        self.link = link
        self.asked.append("start")

    def read_devices(self, reading: bool) -> None:
        if reading:
            self.reading.set()
        else:
            self.reading.clear()

    def refuse_devices(self) -> None:
        self.asked.append("refuse")

    def busy(self) -> bool:
        return self.owed

    async def stop(self) -> None:
        self.asked.append("stop")

    def addresses(self) -> list[str]:
        return ["bare://nowhere"]
