"""WatchPresence on a real core, through the client that is made for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from doubles.living_core import LivingCore, until
from doubles.scene import LONG, SHORT, scene

from trunkline.client.client import Client
from trunkline.contract.channel import core_address
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, new_id, to_text
from trunkline.core.clock import unix_ms
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.core.rpc.presence_methods import MAX_NAMED
from trunkline.v1.device_service_pb2 import AssignDeviceRequest, UnassignDeviceRequest, WatchPresenceResponse
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

Stream = AsyncIterator[WatchPresenceResponse]


def user(core: LivingCore, role: Role.ValueType = Role.ROLE_TENANT_ADMIN, customer_id: bytes = NO_ID) -> User:
    tenant_id = NO_ID if role == Role.ROLE_SYS_ADMIN else core.people.tenant_id
    return User(new_id(), tenant_id, customer_id, "ann@example.com", role, unix_ms())


@asynccontextmanager
async def client(core: LivingCore, who: User, **tokens: Any) -> AsyncIterator[Client]:
    directory = core._settings.data_dir
    token = Tokens(SigningKey.load(directory), **tokens).issue(who).access
    async with Client.connect(core_address(directory), token=token) as connected:
        yield connected


async def refusal(stream: Stream) -> ErrorReason.ValueType:
    with pytest.raises(TrunklineError) as refused:
        await anext(stream)
    return refused.value.reason


async def test_how_things_stand_and_then_every_change(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path, **SHORT) as s, client(s.core, user(s.core)) as ann:
        session = await s.worker.device("lamp")
        async with aclosing(ann.watch_presence()) as stream:
            first = await anext(stream)
            assert first.current
            connected = {one.device_id: one.presence.connected for one in first.devices}
            ours = {token: to_text(id_) for token, id_ in s.core.devices.items() if token != "theirs"}
            assert connected == {ours["lamp"]: True, ours["pump"]: False, ours["door"]: False}
            never = next(one.presence for one in first.devices if one.device_id == ours["pump"])
            assert not never.HasField("last_connect_time")
            s.worker.disconnect(session)
            (change,) = (await anext(stream)).devices
            assert change.device_id == ours["lamp"] and not change.deleted
            assert (change.presence.connected, change.presence.active) == (False, True)
            assert change.presence.last_disconnect_time.seconds >= change.presence.last_connect_time.seconds > 0
        await until(lambda: not len(s.core.core._watches))


async def test_a_killed_worker_and_a_restart_are_told(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path, **LONG) as s, client(s.core, user(s.core)) as ann:
        lamp = to_text(s.lamp)
        async with aclosing(ann.watch_presence([lamp])) as stream:
            assert [one.device_id for one in (await anext(stream)).devices] == [lamp]
            await s.worker.device("lamp")
            (came,) = (await anext(stream)).devices
            assert came.presence.connected
            await s.worker.kill()
            (went,) = (await anext(stream)).devices
            assert not went.presence.connected
            await s.core.core.drain()
            assert await refusal(stream) == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE


async def test_who_becomes_inactive_is_told(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path, **SHORT, inactivity_timeout_s=0.3) as s, client(s.core, user(s.core)) as ann:
        await s.worker.device("lamp")
        async with aclosing(ann.watch_presence([to_text(s.lamp)])) as stream:
            (one,) = (await anext(stream)).devices
            while one.presence.active:
                (one,) = (await anext(stream)).devices
            assert one.presence.connected


async def test_customers_hear_of_what_they_are_given_and_lose(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path, **SHORT) as s:
        customer = user(s.core, Role.ROLE_CUSTOMER_USER, s.core.people.customer_id)
        lamp = to_text(s.lamp)
        async with (
            client(s.core, user(s.core)) as ann,
            client(s.core, customer) as carl,
            aclosing(carl.watch_presence()) as stream,
        ):
            assert not (await anext(stream)).devices
            await s.worker.device("pump")  # not carl's
            given = AssignDeviceRequest(device_id=lamp, customer_id=to_text(s.core.people.customer_id))
            await ann.devices.AssignDevice(given)
            (one,) = (await anext(stream)).devices
            assert (one.device_id, one.deleted) == (lamp, False)
            await ann.devices.UnassignDevice(UnassignDeviceRequest(device_id=lamp))
            (one,) = (await anext(stream)).devices
            assert (one.device_id, one.deleted) == (lamp, True)


async def test_a_deleted_device_is_told_and_one_of_others_never(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path, **SHORT) as s, client(s.core, user(s.core)) as ann:
        theirs, lamp = to_text(s.core.devices["theirs"]), to_text(s.lamp)
        async with aclosing(ann.watch_presence([theirs, lamp])) as stream:
            first = await anext(stream)
            assert {one.device_id: one.deleted for one in first.devices} == {theirs: True, lamp: False}
            await s.worker.device("theirs")
            await s.core.core.devices.delete(s.core.people.admin, s.lamp)
            (one,) = (await anext(stream)).devices
            assert (one.device_id, one.deleted) == (lamp, True)


async def test_a_revoked_token_ends_the_stream(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path, **SHORT) as s:
        ann, bob = user(s.core), user(s.core)
        async with (
            client(s.core, ann) as hers,
            client(s.core, bob) as his,
            aclosing(hers.watch_presence()) as her_stream,
            aclosing(his.watch_presence()) as his_stream,
        ):
            await anext(her_stream)
            await anext(his_stream)
            await s.core.revocations.revoke_user(ann.id, unix_ms() + 1_000)
            assert await refusal(her_stream) == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
            await s.worker.device("lamp")
            assert (await anext(his_stream)).devices


async def test_an_expired_token_ends_the_stream(tmp_path: Path) -> None:
    def almost_over() -> float:
        return unix_ms() / 1000 - 9_000 + 1.5  # an access token lives for 9,000 s

    async with scene("grpc", tmp_path, **SHORT) as s, client(s.core, user(s.core), now_s=almost_over) as ann:
        with pytest.raises(TrunklineError) as ended:
            async for update in ann.watch_presence():
                assert update.current
        assert ended.value.reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED


async def test_what_is_wrong_is_refused(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path, **SHORT, max_presence_watches=1) as s:
        async with client(s.core, user(s.core, Role.ROLE_SYS_ADMIN)) as root, client(s.core, user(s.core)) as ann:
            assert await refusal(root.watch_presence()) == ErrorReason.ERROR_REASON_PERMISSION_DENIED
            invalid = ErrorReason.ERROR_REASON_INVALID_ARGUMENT
            assert await refusal(ann.watch_presence(["lamp"])) == invalid
            many = [to_text(new_id()) for _ in range(MAX_NAMED + 1)]
            assert await refusal(ann.watch_presence(many)) == invalid
            async with aclosing(ann.watch_presence()) as stream:
                await anext(stream)
                assert await refusal(ann.watch_presence()) == ErrorReason.ERROR_REASON_QUEUE_FULL
            ann.use_token("")
            assert await refusal(ann.watch_presence()) == ErrorReason.ERROR_REASON_UNAUTHENTICATED


async def test_a_store_that_is_down_ends_a_stream_and_not_the_core(tmp_path: Path) -> None:
    async with scene("grpc", tmp_path, **SHORT) as s, client(s.core, user(s.core)) as ann:
        s.core.break_store()
        assert await refusal(ann.watch_presence()) == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
        s.core.mend_store()
        async with asyncio.timeout(10), aclosing(ann.watch_presence()) as stream:
            assert (await anext(stream)).current
