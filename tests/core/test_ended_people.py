"""Whoever is deleted or switched off is out at once: on every stream, and with all that was theirs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
from doubles.bearer import Metadata, bearer
from doubles.calling_part import calling_part
from doubles.device_rows import device, stored
from doubles.living_core import LivingCore
from doubles.pairs import CallConnector
from doubles.people import NOW_MS
from doubles.scene import scene

from trunkline.contract.channel import core_address, open_channel
from trunkline.contract.ids import new_id, to_text
from trunkline.contract.streams.call_codec import CALLER_CODEC
from trunkline.contract.streams.frames import CloseSession, Deliver
from trunkline.contract.streams.grpc_wire import GrpcConnector
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.seeding import SYS_ADMIN
from trunkline.core.identity.tokens import Tokens
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.identity_service_pb2 import (
    DeleteCustomerRequest,
    DeleteTenantRequest,
    DeleteUserRequest,
    SetUserEnabledRequest,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceStub
from trunkline.v1.rpc_service_pb2 import Role
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub


class Administration:
    """The core's services, as its people call them."""

    def __init__(self, core: LivingCore, channel: grpc.aio.Channel, tokens: Tokens) -> None:
        self._core = core
        self._channel = channel
        self._tokens = tokens
        self.identity = IdentityServiceStub(channel)

    async def root(self) -> Metadata:
        """What shows the system administrator."""
        user, _ = await self._core.core._store.users.find_login(SYS_ADMIN) or (None, None)
        assert user is not None
        return bearer(self._tokens.issue(user).access)

    async def added(self, email: str) -> User:
        """Another administrator of the first tenant."""
        user = User(new_id(), self._core.people.tenant_id, b"", email, Role.ROLE_TENANT_ADMIN, NOW_MS)
        await self._core.core._store.users.add(user, password_hash="no hash")
        return user

    def token(self, user: User) -> Metadata:
        """What shows this user."""
        return bearer(self._tokens.issue(user).access)

    def calls_of(self, user: User) -> CallConnector:
        """Connects the user's own call stream, which stands for nobody else."""
        shown = self.token(user)
        return GrpcConnector(RpcServiceStub(self._channel).CallStream, CALLER_CODEC, lambda: shown)


@asynccontextmanager
async def administration(core: LivingCore, directory: Path) -> AsyncIterator[Administration]:
    async with open_channel(core_address(directory), max_params_bytes=1 << 20) as channel:
        yield Administration(core, channel, Tokens(SigningKey.load(directory)))


async def test_a_deleted_or_disabled_users_stream_calls_nobody_any_more(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path) as s, administration(s.core, tmp_path) as they:
        await s.worker.device("lamp")
        for number, end in enumerate(("delete", "disable")):
            user, boss = await they.added(f"u{number}@example.com"), await they.added(f"b{number}@example.com")
            async with calling_part(they.calls_of(user), s.core.people.admin) as backend:
                call = backend.call(s.lamp, principal=0)
                s.worker.reply(await s.worker.next(Deliver))
                assert (await call).outcome == Outcome.OUTCOME_SUCCEEDED
                if end == "delete":
                    await they.identity.DeleteUser(DeleteUserRequest(id=to_text(user.id)), metadata=they.token(boss))
                else:
                    request = SetUserEnabledRequest(id=to_text(user.id), enabled=False)
                    await they.identity.SetUserEnabled(request, metadata=they.token(boss))
                refused = await backend.call(s.lamp, principal=0)
                assert refused.reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
        assert not s.worker.has(Deliver)


async def test_with_a_tenant_end_its_devices_sessions_and_calls(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path) as s, administration(s.core, tmp_path) as they:
        await s.worker.device("lamp")
        call = s.call()
        await s.worker.next(Deliver)
        request = DeleteTenantRequest(id=to_text(s.core.people.tenant_id))
        await they.identity.DeleteTenant(request, metadata=await they.root())
        assert (await call).cause == Cause.CAUSE_DEVICE_DELETED
        assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_DEVICE_DELETED
        assert (await s.call()).reason == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND


async def test_with_a_customer_ends_the_reach_of_whoever_was_in_it(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path) as s, administration(s.core, tmp_path) as they:
        people = s.core.people
        heater = await stored(
            s.core.core._store.devices, device(people.tenant_id, "heater", customer_id=people.customer_id)
        )
        await s.worker.device("heater")
        s.part.principal = people.customer
        call = s.part.call(heater.id)
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == Outcome.OUTCOME_SUCCEEDED
        request = DeleteCustomerRequest(id=to_text(people.customer_id))
        boss = await they.added("boss@example.com")
        await they.identity.DeleteCustomer(request, metadata=they.token(boss))
        assert (await s.part.call(heater.id)).reason == ErrorReason.ERROR_REASON_PERMISSION_DENIED
        s.part.principal = people.admin  # the device goes on
        call = s.part.call(heater.id)
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == Outcome.OUTCOME_SUCCEEDED
