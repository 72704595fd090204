"""A real server of the core's own services on a Unix socket, with scripted streams."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
from doubles.bearer import Metadata, bearer
from doubles.scripted_services import IdleTransportService, ScriptedRpcService
from doubles.wall_clock import WallClock

from trunkline.contract.channel import core_address, open_channel
from trunkline.contract.clock import monotonic_ms
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.service import Devices
from trunkline.core.identity.activation import Activations
from trunkline.core.identity.customers import Customers
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.logins import Logins
from trunkline.core.identity.model import User
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tenants import Tenants
from trunkline.core.identity.tokens import Tokens
from trunkline.core.identity.users import Users
from trunkline.core.presence.tracker import PresenceTracker
from trunkline.core.presence.watches import PresenceWatches
from trunkline.core.profiles.service import Profiles
from trunkline.core.rpc.authentication import Authentication
from trunkline.core.rpc.device_service import DeviceService
from trunkline.core.rpc.identity_service import IdentityService
from trunkline.core.rpc.server import CoreServer, build_server
from trunkline.core.store.store import Store
from trunkline.v1.device_service_pb2_grpc import DeviceServiceStub
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceStub

MAX_PARAMS_BYTES = 64 * 1024


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.load(tmp_path)


@pytest.fixture
def tokens(key: SigningKey, wall: WallClock) -> Tokens:
    return Tokens(key, wall)


@pytest.fixture
async def revocations(store: Store, wall: WallClock) -> Revocations:
    return await Revocations.load(store.revocations, wall.now_ms)


@pytest.fixture
def authentication(tokens: Tokens, revocations: Revocations) -> Authentication:
    return Authentication("5e" * 32, tokens, revocations)


@pytest.fixture
async def presence(store: Store) -> PresenceWatches:
    tracker = await PresenceTracker.load(
        store.presence, inactivity_ms=600_000, write_ms=1, activity_write_ms=1, clock=monotonic_ms
    )
    return PresenceWatches(store.presence, tracker, Directory(store.devices), max_watches=2, max_watched_devices=10)


@pytest.fixture
def rpc_service() -> ScriptedRpcService:
    return ScriptedRpcService()


@pytest.fixture
async def server(
    store: Store,
    key: SigningKey,
    tokens: Tokens,
    revocations: Revocations,
    authentication: Authentication,
    presence: PresenceWatches,
    passwords: Passwords,
    rpc_service: ScriptedRpcService,
    wall: WallClock,
    tmp_path: Path,
) -> AsyncIterator[CoreServer]:
    built = build_server(
        rpc_service=rpc_service,
        transport_service=IdleTransportService(),
        device_service=DeviceService(
            authentication=authentication,
            devices=Devices(store.devices, Directory(store.devices), lambda: wall.now_ms),
            profiles=Profiles(store.profiles, lambda: wall.now_ms),
            presence=presence,
        ),
        identity_service=IdentityService(
            authentication=authentication,
            logins=Logins(
                users=store.users,
                customers=store.customers,
                passwords=passwords,
                tokens=tokens,
                revocations=revocations,
                now_s=wall,
            ),
            activations=Activations(store.users, passwords, tokens, wall),
            users=Users(
                store.users,
                customers=store.customers,
                tenants=store.tenants,
                revocations=revocations,
                now_s=wall,
            ),
            customers=Customers(store.customers, revocations, lambda: wall.now_ms),
            tenants=Tenants(store.tenants, revocations, lambda: wall.now_ms),
            key=key,
        ),
        data_dir=tmp_path,
        host="127.0.0.1",
        port=0,
        max_params_bytes=MAX_PARAMS_BYTES,
    )
    await built.start()
    yield built
    await built.stop(0)


@pytest.fixture
async def channel(server: CoreServer) -> AsyncIterator[grpc.aio.Channel]:
    async with open_channel(core_address(server.data_dir), max_params_bytes=MAX_PARAMS_BYTES) as opened:
        yield opened


@pytest.fixture
def identity(channel: grpc.aio.Channel) -> IdentityServiceStub:
    return IdentityServiceStub(channel)


@pytest.fixture
def devices(channel: grpc.aio.Channel) -> DeviceServiceStub:
    return DeviceServiceStub(channel)


@pytest.fixture
def as_ann(tokens: Tokens, ann: User) -> Metadata:
    """The token of a tenant administrator."""
    return bearer(tokens.issue(ann).access)
