import asyncio
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from trunkline.contract.channel import (
    FRAME_HEADROOM_BYTES,
    LARGEST_ANSWER_BYTES,
    channel_options,
    core_address,
    open_channel,
    part_metadata,
    part_secret,
    server_options,
)

LIMIT = 100_000


async def test_messages_may_be_so_much_larger_than_params_and_answers_larger_still(tmp_path: Path) -> None:
    async def echo(request: bytes, context: Any) -> bytes:
        return request

    server = grpc.aio.server(options=server_options(LIMIT))

    async def answer(request: bytes, context: Any) -> bytes:
        return bytes(LARGEST_ANSWER_BYTES)

    methods = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Answer": grpc.unary_unary_rpc_method_handler(answer),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", methods),))
    target = f"unix:{tmp_path / 'server.sock'}"
    server.add_insecure_port(target)
    await server.start()
    channel = open_channel(target, max_params_bytes=LIMIT)
    method: Any = channel.unary_unary("/test/Echo", None, None)
    answering: Any = channel.unary_unary("/test/Answer", None, None)
    try:
        async with asyncio.timeout(10):
            largest = bytes(LIMIT + FRAME_HEADROOM_BYTES)
            assert await method(largest) == largest
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await method(largest + b"1")
            assert len(await answering(b"")) == LARGEST_ANSWER_BYTES
    finally:
        await channel.close(None)
        await server.stop(None)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_client_pings_no_more_often_than_a_server_allows() -> None:
    client, server = dict(channel_options(LIMIT)), dict(server_options(LIMIT))
    allowed = server["grpc.http2.min_ping_interval_without_data_ms"]
    assert int(client["grpc.keepalive_time_ms"]) >= int(allowed)


def test_a_lost_core_is_looked_for_within_a_second() -> None:
    assert int(dict(channel_options(LIMIT))["grpc.max_reconnect_backoff_ms"]) <= 1_000


def test_the_core_is_found_at_its_socket_or_where_the_pointer_leads(tmp_path: Path) -> None:
    assert core_address(tmp_path) == f"unix:{tmp_path / 'core.sock'}"
    (tmp_path / "core.addr").write_text("/tmp/elsewhere/core.sock\n")
    assert core_address(tmp_path) == "unix:/tmp/elsewhere/core.sock"


def test_the_secret_is_read_from_the_data_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        part_secret(tmp_path)
    (tmp_path / "part-secret").write_text("5ec7e7\n")
    assert part_metadata(part_secret(tmp_path)) == (("trunkline-part-secret", "5ec7e7"),)
