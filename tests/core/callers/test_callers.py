import asyncio
from pathlib import Path
from typing import Any

import grpc.aio
from doubles.calling_part import calling_part
from doubles.living_core import living_core, until

from trunkline.client.call_stream import CallStream
from trunkline.contract.channel import open_channel
from trunkline.contract.errors import TrunklineError
from trunkline.contract.metadata import AUTHORIZATION
from trunkline.contract.streams.call_codec import CALLER_CODEC
from trunkline.contract.streams.frames import PrincipalRevoked
from trunkline.contract.streams.grpc_wire import GrpcConnector
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import CallStreamRequest
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub


async def test_every_part_hears_of_a_revocation_and_nobody_else(tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core("grpc", tmp_path) as core:
        user_id = core.people.admin.user_id
        async with (
            calling_part(core.calls(), core.people.admin) as first,
            calling_part(core.calls(), core.people.admin) as second,
        ):
            heard: list[asyncio.Future[PrincipalRevoked]] = []
            for part in (first, second):
                heard.append(asyncio.get_running_loop().create_future())
                part.stream.on_revoked = heard[-1].set_result
            await until(lambda: len(core.core.callers) == 2 and first.stream.connected and second.stream.connected)
            await core.revocations.revoke_user(user_id, 7)
            assert {revoked.user_id for revoked in await asyncio.gather(*heard)} == {user_id}
        await until(lambda: not len(core.core.callers))


async def test_a_backend_that_never_beats_keeps_its_stream_and_hears_of_no_revocation(tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core("grpc", tmp_path, heartbeat_ms=50) as core:
        user = User(b"u" * 16, core.people.tenant_id, b"", "u@example.com", core.people.admin.role, 1)
        token = Tokens(SigningKey.load(tmp_path)).issue(user).access
        channel = open_channel(f"127.0.0.1:{core.core.port}", max_params_bytes=1024)
        call_stream: Any = RpcServiceStub(channel).CallStream
        stream = call_stream(metadata=grpc.aio.Metadata((AUTHORIZATION, f"Bearer {token}")))
        hello = CallStreamRequest()
        hello.frames.add().hello.version = 1
        await stream.write(hello)
        await core.revocations.revoke_user(b"somebody else's.", 7)
        frames: list[str | None] = []
        for _ in range(8):  # many of the core's heartbeats later
            message = await stream.read()
            frames += [frame.WhichOneof("frame") for frame in message.frames]
        assert frames == ["welcome"]
        stream.cancel()
        await channel.close(None)


async def test_streams_that_drain_take_no_calls(tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core("memory", tmp_path) as core:
        async with calling_part(core.calls(), core.people.admin) as part:
            waiting = part.call(core.devices["lamp"])
            await until(lambda: core.core._calls.runner.pending)
            await core.core.drain()
            assert (await waiting).reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
            later = part.call(core.devices["lamp"], timeout_ms=50)
            assert (await later).outcome == Outcome.OUTCOME_EXPIRED  # held back until another core is there


async def test_a_backend_whose_token_is_refused_gives_up(tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core("grpc", tmp_path) as core:
        channel = open_channel(f"127.0.0.1:{core.core.port}", max_params_bytes=1024)
        connector = GrpcConnector(
            RpcServiceStub(channel).CallStream, CALLER_CODEC, lambda: ((AUTHORIZATION, "Bearer nonsense"),)
        )
        async with CallStream(connector) as stream:
            try:
                await stream.ended()
            except TrunklineError as error:
                assert error.reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
        await channel.close(None)
