import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
from doubles.living_core import LivingCore, living_core, until
from doubles.scripted_worker import ScriptedWorker

from trunkline.client.client import Client
from trunkline.contract.channel import core_address, open_channel, part_metadata, part_secret
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import to_text
from trunkline.contract.status import error_of
from trunkline.contract.streams.frames import Deliver
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import CallRequest
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub


class Backend:
    """A user's program at the core's TCP port."""

    def __init__(self, core: LivingCore, worker: ScriptedWorker, directory: Path) -> None:
        self.core = core
        self.worker = worker
        self.lamp = core.devices["lamp"]
        admin = core.people.admin
        self.user = User(admin.user_id, admin.tenant_id, b"", "u@example.com", admin.role, 1)
        self.tokens = Tokens(SigningKey.load(directory))
        self.client = Client.connect(f"127.0.0.1:{core.core.port}", token=self.tokens.issue(self.user).access)


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with asyncio.timeout(20), living_core("grpc", tmp_path) as core, ScriptedWorker(core.links()) as worker:
        await worker.device("lamp")
        opened = Backend(core, worker, tmp_path)
        async with opened.client:
            yield opened


async def test_a_single_call(backend: Backend) -> None:
    calling = asyncio.create_task(backend.client.call(to_text(backend.lamp), "set", b' {"on": true} '))
    delivered = await backend.worker.next(Deliver)
    assert delivered.params == b'{"on":true}'
    backend.worker.reply(delivered, b"7")
    assert await calling == b"7"


async def test_a_single_call_that_expires_says_so_before_its_grpc_deadline(backend: Backend) -> None:
    channel = open_channel(f"127.0.0.1:{backend.core.core.port}", max_params_bytes=1024)
    request = CallRequest(device_id=to_text(backend.lamp), method="set", params=b"1", kind=CallKind.CALL_KIND_TWO_WAY)
    token = backend.tokens.issue(backend.user).access
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await RpcServiceStub(channel).Call(request, timeout=0.5, metadata=(("authorization", f"Bearer {token}"),))
    error = error_of(caught.value)
    assert (error.reason, error.metadata["cause"]) == (ErrorReason.ERROR_REASON_CALL_EXPIRED, "NO_REPLY")
    await channel.close(None)


async def test_a_single_call_that_is_cancelled_is_hung_up(backend: Backend) -> None:
    pump = to_text(backend.core.devices["pump"])
    calling = asyncio.create_task(backend.client.call(pump, "set", b"1"))
    await until(lambda: backend.core.core._calls.runner.pending)
    calling.cancel()
    await until(lambda: not backend.core.core._calls.runner.pending)


async def test_a_part_calls_for_others_never_for_itself(backend: Backend, tmp_path: Path) -> None:
    channel = open_channel(core_address(tmp_path), max_params_bytes=1024)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await RpcServiceStub(channel).Call(CallRequest(), metadata=part_metadata(part_secret(tmp_path)))
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
    await channel.close(None)


async def test_a_backends_stream(backend: Backend) -> None:
    async with backend.client.call_stream() as stream:
        calling = asyncio.create_task(stream.call(backend.lamp, "set", b"[ 1 ]"))
        delivered = await backend.worker.next(Deliver)
        assert delivered.params == b"[1]"
        backend.worker.reply(delivered, b"7")
        assert (await calling).payload == b"7"
        result = await stream.call(backend.lamp, "set", b"[")
        assert result.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
        assert (await stream.call(backend.core.devices["theirs"], "set")).outcome == Outcome.OUTCOME_FAILED
    await until(lambda: not len(backend.core.core.callers))


async def test_a_backends_stream_ends_with_its_token(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.core.callers.authority.time.time", lambda: 1e12)
    async with backend.client.call_stream() as stream:
        with pytest.raises(TrunklineError) as caught:
            await stream.ended()
    assert caught.value.reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED


async def test_the_end_of_a_backends_stream_is_a_hang_up(backend: Backend) -> None:
    async with backend.client.call_stream() as stream:
        calling = asyncio.create_task(stream.call(backend.core.devices["pump"], "set"))
        await until(lambda: backend.core.core._calls.runner.pending)
    assert (await calling).cause == Cause.CAUSE_CORE_LOST
    await until(lambda: not backend.core.core._calls.runner.pending)
