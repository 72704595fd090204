import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from trunkline.contract.errors import TABLE, TrunklineError
from trunkline.contract.status import abort, error_of
from trunkline.v1.error_pb2 import ErrorReason


@asynccontextmanager
async def method(directory: Path, handler: Callable[[Any], Awaitable[None]]) -> AsyncIterator[Any]:
    """A method of a real server that does with its context what the test says."""

    async def handle(request: Any, context: Any) -> bytes:
        await handler(context)
        return b""

    server = grpc.aio.server()
    methods = {"Fail": grpc.unary_unary_rpc_method_handler(handle)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", methods),))
    target = f"unix:{directory / 'server.sock'}"
    server.add_insecure_port(target)
    await server.start()
    # Not the connection that an earlier server on this path has just ended.
    channel = grpc.aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])
    try:
        yield channel.unary_unary("/test/Fail", None, None)
    finally:
        await channel.close(None)
        await server.stop(None)


async def failure(directory: Path, handler: Callable[[Any], Awaitable[None]]) -> grpc.aio.AioRpcError:
    async with asyncio.timeout(10), method(directory, handler) as fail:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await fail(b"")
    return raised.value


async def test_every_reason_survives_the_way_to_the_client(tmp_path: Path) -> None:
    for reason, row in TABLE.items():
        error = TrunklineError(reason, "Device d: no", device_id="d", cause="NO_REPLY")
        rpc_error = await failure(tmp_path, lambda context, error=error: abort(context, error))  # type: ignore[misc]
        assert rpc_error.code() is row.grpc
        back = error_of(rpc_error)
        assert (back.reason, back.message, back.metadata) == (reason, error.message, error.metadata)


@pytest.mark.parametrize("text", ["x", "🙂"])
async def test_what_a_caller_said_at_length_is_clipped(tmp_path: Path, text: str) -> None:
    """Otherwise gRPC puts a status of its own in place of ours."""
    long = text * 20_000
    reason = ErrorReason.ERROR_REASON_NOT_FOUND
    error = TrunklineError(reason, f"Title [{long}] is not found", title=long, device_id="d", field=long)
    back = error_of(await failure(tmp_path, lambda context: abort(context, error)))
    assert back.reason is reason
    assert back.message.startswith(f"Title [{text * 250}") and back.message.endswith("…")
    assert back.metadata["device_id"] == "d" and back.metadata["title"] == back.metadata["field"]
    fits = TrunklineError(reason, f"Title [{'🙂' * 255}] is not found", title="🙂" * 100)
    back = error_of(await failure(tmp_path, lambda context: abort(context, fits)))
    assert (back.message, back.metadata) == (fits.message, fits.metadata)


async def test_a_status_carries_exactly_one_error_info(tmp_path: Path) -> None:
    error = TrunklineError(ErrorReason.ERROR_REASON_CALL_EXPIRED, "late")
    rpc_error = await failure(tmp_path, lambda context: abort(context, error))
    metadata: Any = rpc_error.trailing_metadata()
    details = dict(metadata)["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(details)
    (detail,) = status.details
    info = error_details_pb2.ErrorInfo()
    assert detail.Unpack(info)
    assert (info.domain, info.reason) == ("trunkline", "CALL_EXPIRED")


async def test_a_status_of_somebody_else_is_read_by_its_code(tmp_path: Path) -> None:
    expected = {
        grpc.StatusCode.UNAVAILABLE: ErrorReason.ERROR_REASON_CORE_UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED: ErrorReason.ERROR_REASON_CALL_EXPIRED,
        grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE,
        grpc.StatusCode.DATA_LOSS: ErrorReason.ERROR_REASON_INTERNAL,
    }
    for code, reason in expected.items():
        rpc_error = await failure(tmp_path, lambda context, code=code: context.abort(code, "plain"))  # type: ignore[misc]
        error = error_of(rpc_error)
        assert (error.reason, error.message) == (reason, "plain")


async def test_details_of_another_domain_are_not_ours(tmp_path: Path) -> None:
    status = status_pb2.Status(code=5, message="theirs")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="CALL_EXPIRED", domain="example.com"))
    trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    rpc_error = await failure(tmp_path, lambda context: context.abort(grpc.StatusCode.NOT_FOUND, "theirs", trailing))
    assert error_of(rpc_error).reason == ErrorReason.ERROR_REASON_NOT_FOUND
