"""The core's composition root: settings → store → machines, links and callers → server."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from trunkline.contract.addresses import is_loopback
from trunkline.contract.channel import FRAME_HEADROOM_BYTES
from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.answer_end import AnswerEnd
from trunkline.contract.streams.core_end import CoreEnd
from trunkline.contract.streams.frames import AnswerFrame, CallerFrame, CoreFrame, LinkHello, WorkerFrame
from trunkline.contract.streams.memory_wire import MemoryConnector
from trunkline.contract.streams.wire import Wire, WireBroken
from trunkline.core.call_parts import CallParts
from trunkline.core.callers.authority import PartAuthority
from trunkline.core.callers.callers import Callers
from trunkline.core.callers.unary import UnaryCalls
from trunkline.core.clock import unix_ms
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.service import Devices
from trunkline.core.identity.activation import Activations
from trunkline.core.identity.customers import Customers
from trunkline.core.identity.demo_leaks import check_demo_leaks
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.logins import Logins
from trunkline.core.identity.part_secret import load_part_secret
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.seeding import Account, seed
from trunkline.core.identity.tenants import Tenants
from trunkline.core.identity.tokens import Tokens
from trunkline.core.identity.users import Users
from trunkline.core.installation import open_store
from trunkline.core.links.admission import Admission
from trunkline.core.links.links import Links
from trunkline.core.links.worker_link import WorkerLink
from trunkline.core.metrics import Counters
from trunkline.core.presence.tracker import PresenceTracker
from trunkline.core.presence.watches import PresenceWatches
from trunkline.core.profiles.model import DeviceProfile
from trunkline.core.profiles.service import Profiles
from trunkline.core.profiles.transports import TransportProfiles
from trunkline.core.rpc.authentication import Authentication
from trunkline.core.rpc.device_service import DeviceService
from trunkline.core.rpc.identity_service import IdentityService
from trunkline.core.rpc.rpc_service import RpcService
from trunkline.core.rpc.server import CoreServer, build_server
from trunkline.core.rpc.tls import CertificateFiles
from trunkline.core.rpc.transport_service import TransportService
from trunkline.core.settings import CoreSettings
from trunkline.core.store.store import Store
from trunkline.core.tasks import Tasks
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

Serve = Callable[[Wire[Any, Any]], Coroutine[Any, Any, None]]

EPOCH_BITS = 40
"""An epoch is the start number and so many bits of a counter: it grows over restarts without a write of its own."""


class Core:
    """One core in this process: `start` it, and `drain` and `close` it in the end."""

    def __init__(self, settings: CoreSettings) -> None:
        self.settings = settings
        self.accounts: list[Account] = []
        """What this start seeded, with generated passwords: told once."""
        self.server: CoreServer
        self.devices: Devices
        self.profiles: Profiles
        self.links: Links
        self.callers: Callers
        self.presence: PresenceTracker
        self.counters = Counters()
        self.core_id = os.urandom(16)
        self._tasks = Tasks()
        self._owner: asyncio.Task[None]
        self._store: Store
        self._directory: Directory
        self._calls: CallParts
        self._watches: PresenceWatches
        self._epoch = 0

    @property
    def port(self) -> int:
        """The gRPC port for backends, as bound."""
        return self.server.port

    async def start(self) -> None:
        """Open the store, seed it, and listen. Raises OSError for a taken port or a bad certificate, STORE_UNAVAILABLE
        for a bad store, PERMISSION_DENIED for a demo's passwords where others could use them."""
        settings = self.settings
        credentials = None
        if settings.tls_certificate:
            credentials = CertificateFiles(Path(settings.tls_certificate), Path(settings.tls_key)).server_credentials()
        elif not is_loopback(settings.host):
            log.warning("grpc_not_encrypted", host=settings.host, advice="set tls_certificate and tls_key")
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = await open_store(settings)
        try:
            await self._start(credentials)
        except BaseException:
            await self._store.close()
            raise

    async def _start(self, credentials: grpc.ServerCredentials | None) -> None:
        settings, store, passwords = self.settings, self._store, Passwords()
        if not settings.demo:
            await check_demo_leaks(store, passwords, host=settings.host, data_dir=settings.data_dir)
        start_number = await store.starts.next_start(unix_ms())
        self._epoch = start_number << EPOCH_BITS
        self.accounts = await seed(store, passwords, unix_ms(), demo=settings.demo)
        revocations = await Revocations.load(store.revocations, unix_ms())
        key = SigningKey.load(settings.data_dir)
        tokens = Tokens(key)
        authentication = Authentication(load_part_secret(settings.data_dir), tokens, revocations)
        directory = self._directory = Directory(store.devices)
        await self._take_up_presence(directory)
        devices = self.devices = Devices(store.devices, directory, settle=self.presence.settle)
        calls = self._calls = CallParts(
            settings,
            store.calls,
            start_number=start_number,
            directory=directory,
            devices=devices,
            revocations=revocations,
            tasks=self._tasks,
            counters=self.counters,
        )
        await calls.take_up()
        self._compose(directory)
        revocations.subscribe(self.callers.revoke)
        devices.on_deleted(self._device_deleted)
        devices.on_credentials_changed(self._credentials_changed)
        devices.on_moved(self._device_moved)
        devices.on_reassigned(lambda device_id: self._watches.changed((device_id,)))
        profiles = self.profiles = Profiles(store.profiles)
        profiles.on_changed(self._profile_changed)
        customers = Customers(store.customers, revocations)
        customers.on_deleted(self._devices_reassigned)
        tenants = Tenants(store.tenants, revocations)
        tenants.on_deleted(self._devices_deleted)
        self.server = build_server(
            rpc_service=RpcService(
                authentication,
                UnaryCalls(gate=calls.gate, clock=monotonic_ms),
                self.callers,
                calls.records,
                calls.watches,
            ),
            transport_service=TransportService(authentication, self.links),
            device_service=DeviceService(
                authentication=authentication,
                devices=devices,
                profiles=profiles,
                presence=self._watches,
            ),
            identity_service=IdentityService(
                authentication=authentication,
                logins=Logins(
                    users=store.users,
                    customers=store.customers,
                    passwords=passwords,
                    tokens=tokens,
                    revocations=revocations,
                    impersonation=settings.impersonation,
                    on_refused=self.counters.refused_login,
                ),
                activations=Activations(store.users, passwords, tokens),
                users=Users(store.users, customers=store.customers, tenants=store.tenants, revocations=revocations),
                customers=customers,
                tenants=tenants,
                key=key,
            ),
            data_dir=settings.data_dir,
            host=settings.host,
            port=settings.grpc_port,
            max_params_bytes=settings.max_params_bytes,
            credentials=credentials,
        )
        self._owner = asyncio.create_task(self._own(), name="core")
        await self.server.start()
        log.info("core_started", start=start_number, port=self.port)

    async def _take_up_presence(self, directory: Directory) -> None:
        settings, rows = self.settings, self._store.presence
        self.presence = await PresenceTracker.load(
            rows,
            inactivity_ms=int(settings.inactivity_timeout_s * 1000),
            write_ms=settings.presence_write_ms,
            activity_write_ms=settings.activity_write_ms,
            clock=monotonic_ms,
        )
        self._watches = PresenceWatches(
            rows,
            self.presence,
            directory,
            max_watches=settings.max_presence_watches,
            max_watched_devices=settings.max_watched_devices,
        )

    def _compose(self, directory: Directory) -> None:
        """The two kinds of stream."""
        self.callers = Callers(
            new_end=self._new_answer_end, gate=self._calls.gate, clock=monotonic_ms, counters=self.counters
        )
        self._transport_profiles = TransportProfiles(self._store.profiles)
        self._admission = Admission(directory, self._transport_profiles)
        self.links = Links(clock=monotonic_ms, new_link=self._new_link, hello_timeout_s=self.settings.hello_timeout_s)
        watch, total = self.counters.watch, self.counters.total
        watch("trunkline_sessions", "Live sessions", lambda: self.links.sessions)
        watch("trunkline_links", "Workers linked", lambda: len(self.links))
        watch("trunkline_call_streams", "Call streams open", lambda: len(self.callers))
        watch("trunkline_devices_connected", "Connected devices", lambda: self.presence.connected)
        watch("trunkline_presence_pending", "Devices to be written", lambda: self.presence.pending)
        watch("trunkline_presence_watches", "Presence streams open", lambda: len(self._watches))
        total("trunkline_presence_written", "Presence rows written", lambda: self.presence.written)

    async def _own(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._admission.run(), name="admission")
            tasks.create_task(self._tasks.run(), name="background tasks")
            tasks.create_task(self._calls.run(), name="calls")
            tasks.create_task(self.presence.run(), name="presence")
            tasks.create_task(
                self.presence.dismiss(self.settings.suspension_ms, lambda: self.links.returning),
                name="devices that do not come back",
            )
            tasks.create_task(self._watches.run(), name="presence watches")

    def _new_link(self, hello: LinkHello) -> WorkerLink:
        end = CoreEnd(
            self.core_id,
            max_frame_bytes=self._max_frame_bytes,
            max_unacked_bytes=self.settings.max_unacked_bytes,
            heartbeat_ms=self.settings.heartbeat_ms,
        )
        return WorkerLink(
            hello,
            end,
            clock=monotonic_ms,
            runner=self._calls.runner,
            replies=self._calls.replies,
            admission=self._admission,
            profiles=self._transport_profiles,
            presence=self.presence,
            next_epoch=self._next_epoch,
            suspension_ms=self.settings.suspension_ms,
            counters=self.counters,
        )

    def _new_answer_end(self, peer_beats: bool) -> AnswerEnd:
        return AnswerEnd(
            self.core_id,
            max_open_calls=self.settings.max_open_calls,
            max_open_bytes=self.settings.max_open_bytes,
            max_frame_bytes=self._max_frame_bytes,
            heartbeat_ms=self.settings.heartbeat_ms,
            peer_beats=peer_beats,
        )

    @property
    def _max_frame_bytes(self) -> int:
        return self.settings.max_params_bytes + FRAME_HEADROOM_BYTES // 2

    def _next_epoch(self) -> int:
        self._epoch += 1
        return self._epoch

    def _devices_reassigned(self, device_ids: list[bytes]) -> None:
        for device_id in device_ids:
            self._directory.forget(device_id)
        self._watches.changed(device_ids)

    def _devices_deleted(self, device_ids: list[bytes]) -> None:
        for device_id in device_ids:
            self._directory.forget(device_id)
            self._device_deleted(device_id)

    def _device_deleted(self, device_id: bytes) -> None:
        self._calls.runner.delete(device_id)
        self._watches.changed((device_id,))

    def _profile_changed(self, before: DeviceProfile, after: DeviceProfile) -> None:
        was, details = before.details, after.details
        if (was.name, was.redelivery, was.submit_strategy) != (
            details.name,
            details.redelivery,
            details.submit_strategy,
        ):
            self._directory.forget_profile(after.id)
        self._transport_profiles.changed(after)
        self.links.profile_changed(after.id)

    def _device_moved(self, device_id: bytes) -> None:
        """A device speaks as its profile says from the beginning of its session, so it has to begin again."""
        self.links.close_device(device_id, ErrorReason.ERROR_REASON_SESSION_UNKNOWN)

    def _credentials_changed(self, device_id: bytes) -> None:
        self.links.close_device(device_id, ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED)

    def link_connector(self) -> MemoryConnector[WorkerFrame, CoreFrame]:
        """Links in memory, for workers in this process."""
        return self._connector(lambda wire: self.links.serve(wire), "link")

    def caller_connector(self) -> MemoryConnector[CallerFrame, AnswerFrame]:
        """Call streams in memory, for a facade in this process."""
        return self._connector(lambda wire: self.callers.serve(wire, PartAuthority()), "call stream")

    def _connector(self, serve: Serve, name: str) -> MemoryConnector[Any, Any]:
        def accept(wire: Wire[Any, Any]) -> None:
            if not self._tasks.running:
                raise WireBroken(TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "The core is not running"))
            self._tasks.spawn(_to_its_end(wire, serve), name=name)

        return MemoryConnector(accept)

    async def drain(self) -> None:
        """Take no new calls, answer every waiting caller, and tell workers and callers to go."""
        grace_ms = int(self.settings.drain_grace_s * 1000)
        self._calls.gate.draining = True
        await self.server.drain()
        self.callers.drain(grace_ms)
        self._watches.drain()
        self._calls.watches.drain()
        self._calls.records.drain()
        self._calls.runner.drain()
        self.links.drain(grace_ms)

    async def close(self) -> None:
        """End everything; call `drain` first where somebody may be waiting."""
        await self.server.stop(self.settings.drain_grace_s)
        self._owner.cancel()
        await asyncio.gather(self._owner, return_exceptions=True)
        self.links.close()
        await self.presence.close()
        await self._calls.close()
        await self._store.close()


async def _to_its_end(wire: Wire[Any, Any], serve: Serve) -> None:
    """Serve a stream in memory and tell its peer how it ended, as gRPC would."""
    problem: TrunklineError | None = None
    try:
        await serve(wire)
    except TrunklineError as error:
        problem = error
    except WireBroken as broken:
        problem = broken.error
    finally:
        await wire.close(problem)
