import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest
from doubles.device_rows import device, stored
from doubles.people import People

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import Connect, Refused, Resume
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.links.admission import Admission
from trunkline.core.profiles.transports import TransportProfiles
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import SessionKind

ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS
DOWN = TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "down")


class FaultyDirectory(Directory):
    """Counts its queries; `fault` is raised instead of an answer."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.devices)
        self.store = store
        self.fault: Exception | None = None
        self.queries = 0
        self.failed = asyncio.Event()

    async def _read(self, query: Callable[[], Any]) -> Any:
        self.queries += 1
        if self.fault is not None:
            self.failed.set()
            raise self.fault
        return await super()._read(query)


class Door:
    """An admission that runs, and what it said."""

    def __init__(self, directory: FaultyDirectory, profiles: TransportProfiles) -> None:
        self.directory = directory
        self.admission = Admission(directory, profiles, retry_s=0.01)

    def connect(self, token: str) -> asyncio.Future[DeviceEntry | Refused]:
        said: asyncio.Future[DeviceEntry | Refused] = asyncio.get_running_loop().create_future()
        self.admission.connect(Connect(1, ASYNCHRONOUS, 1, access_token=token), said.set_result)
        return said

    def resume(self, device_id: bytes, version: int = 1) -> asyncio.Future[DeviceEntry | Refused]:
        said: asyncio.Future[DeviceEntry | Refused] = asyncio.get_running_loop().create_future()
        frame = Resume(1, device_id, 1, ASYNCHRONOUS, credentials_version=version)
        self.admission.resume(frame, said.set_result)
        return said


@asynccontextmanager
async def door(directory: FaultyDirectory, profiles: TransportProfiles | None = None) -> AsyncIterator[Door]:
    opened = Door(directory, profiles or TransportProfiles(directory.store.profiles))
    running = asyncio.create_task(opened.admission.run())
    try:
        async with asyncio.timeout(10):
            yield opened
    finally:
        running.cancel()
        await asyncio.wait([running])


def reason(said: DeviceEntry | Refused) -> ErrorReason.ValueType:
    assert isinstance(said, Refused)
    return said.reason


async def test_those_who_come_together_share_a_query(store: Store, people: People) -> None:
    for number in range(100):
        await stored(store.devices, device(people.tenant_id, f"device-{number}"))
    async with door(FaultyDirectory(store)) as d:
        said = await asyncio.gather(*(d.connect(f"device-{number}") for number in range(100)), d.connect("nobody's"))
        assert [entry.name for entry in said[:-1] if isinstance(entry, DeviceEntry)] == [
            f"device-{number}" for number in range(100)
        ]
        assert reason(said[-1]) == ErrorReason.ERROR_REASON_BAD_CREDENTIALS
        assert d.directory.queries == 2


async def test_a_resume_is_looked_up_once(store: Store, people: People) -> None:
    lamp = await stored(store.devices, device(people.tenant_id, "lamp"))
    async with door(FaultyDirectory(store)) as d:
        first = d.resume(lamp.id)
        assert isinstance(await first, DeviceEntry)
        again = d.resume(lamp.id)
        assert again.done()
        assert reason(await d.resume(lamp.id, version=2)) == ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED
        assert reason(await d.resume(b"?" * 16)) == ErrorReason.ERROR_REASON_DEVICE_DELETED


@pytest.mark.parametrize("fault", [DOWN, RuntimeError("a bug")])
async def test_with_the_store_down_connects_are_refused_and_resumes_wait(
    store: Store, people: People, fault: Exception
) -> None:
    lamp = await stored(store.devices, device(people.tenant_id, "lamp"))
    async with door(FaultyDirectory(store)) as d:
        d.directory.fault = fault
        resumed = d.resume(lamp.id)
        await d.directory.failed.wait()
        refused = await d.connect("lamp")
        expected = fault.reason if isinstance(fault, TrunklineError) else ErrorReason.ERROR_REASON_INTERNAL
        assert reason(refused) == expected
        assert not resumed.done()
        d.directory.fault = None
        assert isinstance(await resumed, DeviceEntry)


async def test_one_sessions_failure_costs_the_others_nothing(store: Store, people: People) -> None:
    await stored(store.devices, device(people.tenant_id, "lamp"))
    async with door(FaultyDirectory(store)) as d:

        def fail(said: DeviceEntry | Refused) -> None:
            raise RuntimeError("a bug in the link")

        d.admission.connect(Connect(1, ASYNCHRONOUS, 1, access_token="lamp"), fail)
        assert isinstance(await d.connect("lamp"), DeviceEntry)
        assert isinstance(await d.connect("lamp"), DeviceEntry)


async def test_a_change_while_the_profile_is_read_counts(store: Store, people: People) -> None:
    """Its session is not there yet when the change ends the device's sessions."""
    pump = await stored(store.devices, device(people.tenant_id, "Pump"))
    lamp = await stored(store.devices, device(people.tenant_id, "Lamp"))
    directory, doomed = FaultyDirectory(store), [pump.id, lamp.id]

    class Meanwhile(TransportProfiles):
        async def load(self, profile_ids: Collection[bytes]) -> None:
            await super().load(profile_ids)
            if profile_ids and doomed:
                device_id = doomed.pop(0)
                assert await store.devices.delete(device_id)
                directory.forget(device_id)

    async with door(directory, Meanwhile(store.profiles)) as d:
        assert reason(await d.connect("Pump")) == ErrorReason.ERROR_REASON_BAD_CREDENTIALS
        assert reason(await d.resume(lamp.id)) == ErrorReason.ERROR_REASON_DEVICE_DELETED
    assert not doomed
