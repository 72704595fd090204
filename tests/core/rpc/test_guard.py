"""Errors become statuses, on single calls and on streams; the secret is taken only where nobody can listen."""

from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from doubles.scripted_services import Context, ScriptedRpcService

from trunkline.contract.channel import open_channel
from trunkline.contract.errors import TrunklineError
from trunkline.contract.status import error_of
from trunkline.core.rpc.guard import guard
from trunkline.core.rpc.server import CoreServer
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import CallRequest
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub


async def failed_call(channel: grpc.aio.Channel, request_id: str = "") -> grpc.aio.AioRpcError:
    metadata = (("trunkline-request-id", request_id),) if request_id else ()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await RpcServiceStub(channel).Call(CallRequest(), metadata=metadata, timeout=10)
    return caught.value


async def failed_stream(channel: grpc.aio.Channel) -> grpc.aio.AioRpcError:
    stream = RpcServiceStub(channel).CallStream(iter(()), timeout=10)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    return caught.value


async def our_error(context: Context) -> None:
    raise TrunklineError(ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND, "Device is gone", device_id="7")


async def a_bug(context: Context) -> None:
    raise KeyError("a secret of ours")


async def test_an_error_of_ours_arrives_as_it_was_raised(
    channel: grpc.aio.Channel, rpc_service: ScriptedRpcService
) -> None:
    rpc_service.behaviour = our_error
    for failure in (await failed_call(channel), await failed_stream(channel)):
        assert failure.code() == grpc.StatusCode.NOT_FOUND
        error = error_of(failure)
        assert error.reason == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND
        assert error.message == "Device is gone"
        assert error.metadata == {"device_id": "7"}


async def test_a_bug_tells_only_where_to_look(channel: grpc.aio.Channel, rpc_service: ScriptedRpcService) -> None:
    rpc_service.behaviour = a_bug
    for failure in (await failed_call(channel), await failed_stream(channel)):
        assert failure.code() == grpc.StatusCode.INTERNAL
        error = error_of(failure)
        assert error.reason == ErrorReason.ERROR_REASON_INTERNAL
        assert "secret" not in error.message
        assert error.metadata["request_id"] in error.message


async def test_the_callers_request_id_is_kept(channel: grpc.aio.Channel, rpc_service: ScriptedRpcService) -> None:
    rpc_service.behaviour = a_bug
    assert error_of(await failed_call(channel, "abc-1")).metadata == {"request_id": "abc-1"}
    assert error_of(await failed_call(channel, "x" * 65)).metadata != {"request_id": "x" * 65}


async def test_a_method_may_end_itself(channel: grpc.aio.Channel, rpc_service: ScriptedRpcService) -> None:
    async def give_up(context: Context) -> None:
        await context.abort(grpc.StatusCode.OUT_OF_RANGE, "enough")

    rpc_service.behaviour = give_up
    failure = await failed_call(channel)
    assert (failure.code(), failure.details()) == (grpc.StatusCode.OUT_OF_RANGE, "enough")


async def test_what_succeeds_is_left_alone(channel: grpc.aio.Channel) -> None:
    await RpcServiceStub(channel).Call(CallRequest(), timeout=10)
    assert [answer async for answer in RpcServiceStub(channel).CallStream(iter(()), timeout=10)] == []


async def test_an_unknown_method_is_not_supported(channel: grpc.aio.Channel) -> None:
    unknown = channel.unary_unary("/trunkline.v1.RpcService/Nothing", bytes, bytes)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await unknown(b"", timeout=10)
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_NOT_SUPPORTED


@pytest.fixture
async def port_channel(server: CoreServer) -> AsyncIterator[grpc.aio.Channel]:
    """To the TCP port, in the clear."""
    async with open_channel(f"127.0.0.1:{server.port}", max_params_bytes=1024) as opened:
        yield opened


@pytest.mark.parametrize("secret", ["5e" * 32, "wrong"])
async def test_a_secret_in_the_clear_is_refused_whatever_it_is(port_channel: grpc.aio.Channel, secret: str) -> None:
    metadata = (("trunkline-part-secret", secret),)
    with pytest.raises(grpc.aio.AioRpcError) as call:
        await RpcServiceStub(port_channel).Call(CallRequest(), metadata=metadata, timeout=10)
    with pytest.raises(grpc.aio.AioRpcError) as stream:
        await RpcServiceStub(port_channel).CallStream(iter(()), metadata=metadata, timeout=10).read()
    for failure in (call.value, stream.value):
        assert error_of(failure).reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
        assert "came unencrypted" in error_of(failure).message


async def test_without_the_secret_a_call_in_the_clear_is_as_good_as_any(port_channel: grpc.aio.Channel) -> None:
    await RpcServiceStub(port_channel).Call(CallRequest(), metadata=(("authorization", "Bearer x"),), timeout=10)


async def test_on_the_socket_the_secret_passes(channel: grpc.aio.Channel) -> None:
    await RpcServiceStub(channel).Call(CallRequest(), metadata=(("trunkline-part-secret", "x"),), timeout=10)


async def test_only_methods_are_surrounded() -> None:
    class Servicer:
        async def _sum(self, *numbers: int) -> int:
            return sum(numbers)

    assert await guard(Servicer())._sum(1, 2, 3) == 6
