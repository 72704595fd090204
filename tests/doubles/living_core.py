"""A real core in this process, on a store with people and devices, reached over either kind of wire."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
from doubles.device_rows import device, stored
from doubles.pairs import CallConnector, Kind, LinkConnector
from doubles.people import NOW_MS, People, stored_people

from trunkline.contract.channel import core_address, open_channel, part_metadata, part_secret
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, new_id
from trunkline.contract.streams.call_codec import CALLER_CODEC
from trunkline.contract.streams.grpc_wire import GrpcConnector
from trunkline.contract.streams.link_codec import WORKER_CODEC
from trunkline.contract.streams.wire import WireBroken
from trunkline.core.devices.credentials import ACCESS_TOKEN, NewCredentials
from trunkline.core.devices.directory import Directory
from trunkline.core.identity.model import User
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.seeding import SYS_ADMIN
from trunkline.core.links.worker_link import WorkerLink
from trunkline.core.main import Core
from trunkline.core.settings import CoreSettings
from trunkline.core.store.database import CommitUnknown, sqlite_url
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub
from trunkline.v1.transport_service_pb2_grpc import TransportServiceStub

TOKENS = ("lamp", "pump", "door")
"""One device each, of the first tenant; a device's token is its name."""

OTHER_TENANTS_TOKEN = "theirs"


class LivingCore:
    """`core` until it is stopped, and another one on the same data once it is started again."""

    def __init__(self, kind: Kind, settings: CoreSettings) -> None:
        self.kind = kind
        self.people: People
        self.devices: dict[str, bytes] = {}
        """Ids by token."""
        self.core: Core
        self.running = False
        self._settings = settings
        self._channel: grpc.aio.Channel | None = None
        self._held = asyncio.Event()
        self.commits_lost = 0

    async def prepare(self) -> None:
        """Put people and devices into the store."""
        store = await Store.open(sqlite_url(self._settings.data_dir / "trunkline.db"))
        self.people = await stored_people(store.tenants, store.customers)
        # Whoever finds a system administrator seeds nothing, which takes long for its passwords' sake.
        await store.users.add(
            User(new_id(), NO_ID, NO_ID, SYS_ADMIN, Role.ROLE_SYS_ADMIN, NOW_MS), password_hash="no hash"
        )
        for token in TOKENS:
            self.devices[token] = (await stored(store.devices, device(self.people.tenant_id, token))).id
        theirs = device(self.people.other_tenant_id, OTHER_TENANTS_TOKEN)
        self.devices[OTHER_TENANTS_TOKEN] = (await stored(store.devices, theirs)).id
        await store.close()

    async def start(self) -> None:
        """Start a core on the same data."""
        self.core = Core(self._settings)
        await self.core.start()
        self.running = True

    async def stop(self) -> None:
        """End the core as a kill would, without a word to anybody."""
        self.running = False
        await self.core.close()

    async def close(self) -> None:
        """Stop whatever runs."""
        if self._channel is not None:
            await self._channel.close(None)
        if self.running:
            await self.stop()

    def links(self) -> LinkConnector:
        """Connects workers to whichever core runs then."""
        if self.kind == "memory":
            return _Present(self, lambda core: core.link_connector())
        return GrpcConnector(TransportServiceStub(self._open()).Link, WORKER_CODEC, self._metadata)

    def calls(self) -> CallConnector:
        """Connects a part's call streams to whichever core runs then."""
        if self.kind == "memory":
            return _Present(self, lambda core: core.caller_connector())
        return GrpcConnector(RpcServiceStub(self._open()).CallStream, CALLER_CODEC, self._metadata)

    def link(self, worker_id: str = "worker-1") -> WorkerLink:
        """The core's side of a worker."""
        return self.core.links._links[worker_id]

    @property
    def revocations(self) -> Revocations:
        return self.core._calls.gate._revocations

    @property
    def directory(self) -> Directory:
        return self.core._calls.gate._directory

    async def replace_token(self, device_id: bytes, token: str) -> None:
        """Have the device show this token, as its administrator would."""
        admin, devices = self.people.admin, self.core.devices
        shown = await devices.credentials(admin, device_id)
        await devices.replace_credentials(admin, device_id, shown.id, NewCredentials(ACCESS_TOKEN, token))

    def break_store(self) -> None:
        """From now on the database does not answer."""

        async def no_answer(work: object, **how: object) -> None:
            raise TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "no answer, says the test")

        vars(self.core._store._database)["run"] = no_answer

    def hold_store(self) -> None:
        """From now on the database takes its time, until it is mended."""
        database, held = self.core._store._database, self._held
        held.clear()
        run = database.run

        async def wait_and_run(work: Any, **how: Any) -> Any:
            await held.wait()
            return await run(work, **how)

        vars(database)["run"] = wait_and_run

    def lose_commits(self) -> None:
        """From now on the database does what it is told and never says that it did."""
        database = self.core._store._database
        run = database.run

        async def run_and_lose(work: Any, **how: Any) -> None:
            await run(work, **how)
            self.commits_lost += 1
            raise CommitUnknown

        vars(database)["run"] = run_and_lose

    def mend_store(self) -> None:
        """It answers again."""
        self._held.set()
        del vars(self.core._store._database)["run"]

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            target = core_address(self._settings.data_dir)
            self._channel = open_channel(target, max_params_bytes=self._settings.max_params_bytes)
        return self._channel

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return part_metadata(part_secret(self._settings.data_dir))


class _Present:
    """A memory connector to the core that runs when somebody connects."""

    def __init__(self, living: LivingCore, connector: Callable[[Core], Any]) -> None:
        self._living = living
        self._connector = connector

    async def connect(self) -> Any:
        if not self._living.running:
            raise WireBroken(TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "no core runs"))
        return await self._connector(self._living.core).connect()


@asynccontextmanager
async def living_core(kind: Kind, directory: Path, **settings: Any) -> AsyncIterator[LivingCore]:
    """A core that runs from entry to exit; `settings` are CoreSettings."""
    values = {"data_dir": directory, "grpc_port": 0, "metrics_port": 0, "drain_grace_s": 0.0, **settings}
    living = LivingCore(kind, CoreSettings.model_validate(values))
    await living.prepare()
    await living.start()
    try:
        yield living
    finally:
        await living.close()


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - many conditions are nobody's event
            await asyncio.sleep(0)
