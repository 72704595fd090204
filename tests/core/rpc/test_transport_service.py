import asyncio
from pathlib import Path

import pytest
from doubles.living_core import living_core
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.channel import core_address, open_channel, part_metadata, part_secret
from trunkline.contract.metadata import AUTHORIZATION
from trunkline.contract.streams.grpc_wire import GrpcConnector
from trunkline.contract.streams.link_codec import WORKER_CODEC
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2_grpc import TransportServiceStub

UNAUTHENTICATED = ErrorReason.ERROR_REASON_UNAUTHENTICATED
DENIED = ErrorReason.ERROR_REASON_PERMISSION_DENIED


@pytest.mark.parametrize("shown", ["nothing", "a wrong secret", "a user's token", "the secret on the open port"])
async def test_only_parts_may_open_links(tmp_path: Path, shown: str) -> None:
    async with asyncio.timeout(20), living_core("grpc", tmp_path) as core:
        user = User(b"u" * 16, core.people.tenant_id, b"", "u@example.com", core.people.admin.role, 1)
        token = Tokens(SigningKey.load(tmp_path)).issue(user).access
        metadata = {
            "nothing": (),
            "a wrong secret": part_metadata("00" * 32),
            "a user's token": ((AUTHORIZATION, f"Bearer {token}"),),
            "the secret on the open port": part_metadata(part_secret(tmp_path)),
        }[shown]
        in_the_open = shown.endswith("port")
        target = f"127.0.0.1:{core.core.port}" if in_the_open else core_address(tmp_path)
        channel = open_channel(target, max_params_bytes=1024)
        connector = GrpcConnector(TransportServiceStub(channel).Link, WORKER_CODEC, lambda: metadata)
        async with ScriptedWorker(connector) as worker:
            error = await worker.refused()
        assert error.reason == (DENIED if shown == "a user's token" else UNAUTHENTICATED)
        assert not len(core.core.links)
        await channel.close(None)


async def test_a_link_that_is_cancelled_before_hello_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(20), living_core("grpc", tmp_path) as core:
        wire = await core.links().connect()
        await wire.close()
        async with ScriptedWorker(core.links()) as worker:
            await worker.device("lamp")
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
