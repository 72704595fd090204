"""Unary questions to the core: on whose behalf, and what its failures become."""

import asyncio
from pathlib import Path

import pytest
from doubles.recording_core import RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.facade.core_connection import CoreConnection, core_connection
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.device_service_pb2 import GetDeviceRequest, GetDeviceResponse
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import GetCallRequest, GetCallResponse, WatchCallsRequest, WatchCallsResponse


async def test_a_user_is_named_by_its_token(connection: CoreConnection, core: RecordingCore) -> None:
    core.answers[GetDeviceRequest] = GetDeviceResponse()
    await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"), "a.b.c")
    await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"))
    assert core.tokens == ["Bearer a.b.c", ""]


async def test_an_error_keeps_its_reason_and_text(connection: CoreConnection, core: RecordingCore) -> None:
    core.answers[GetDeviceRequest] = TrunklineError(ErrorReason.ERROR_REASON_NOT_FOUND, "not here")
    with pytest.raises(TrunklineError, match="not here") as caught:
        await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"))
    assert caught.value.reason == ErrorReason.ERROR_REASON_NOT_FOUND


async def test_a_core_that_is_away_or_slow_is_named_without_addresses(
    connection: CoreConnection, core: RecordingCore
) -> None:
    late = TrunklineError(ErrorReason.ERROR_REASON_CALL_EXPIRED, "Deadline Exceeded at unix:/x")
    core.answers[GetDeviceRequest] = late
    for _ in range(2):
        with pytest.raises(TrunklineError, match="cannot answer at the moment") as caught:
            await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"))
        assert caught.value.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
        await core.stop()


async def test_what_is_waited_for_may_take_longer(core: RecordingCore, tmp_path: Path) -> None:
    unanswered: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    core.answers[GetCallRequest] = unanswered
    async with core_connection(FacadeSettings(data_dir=tmp_path, core_timeout_ms=50)) as connection:
        with pytest.raises(TrunklineError, match="cannot answer at the moment"):
            await connection.ask(connection.rpc.GetCall, GetCallRequest())
        core.answers[GetCallRequest] = answer = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.2, answer.set_result, GetCallResponse())
        assert await connection.ask(connection.rpc.GetCall, GetCallRequest(), wait_ms=10_000) == GetCallResponse()


async def test_following_a_stream(connection: CoreConnection, core: RecordingCore) -> None:
    first, second = WatchCallsResponse(cursor="1"), WatchCallsResponse(cursor="2")
    for news in (first, second, TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "over")):
        core.news.put_nowait(news)
    messages = connection.follow(connection.rpc.WatchCalls, WatchCallsRequest(), "a.b.c")
    assert [await anext(messages), await anext(messages)] == [first, second]
    with pytest.raises(TrunklineError, match="over") as caught:
        await anext(messages)
    assert caught.value.reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
    assert core.tokens == ["Bearer a.b.c"]


@pytest.mark.parametrize("news", [None, TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "unix:/x")])
async def test_a_stream_that_ends_without_a_reason_of_ours(
    connection: CoreConnection, core: RecordingCore, news: TrunklineError | None
) -> None:
    core.news.put_nowait(WatchCallsResponse(cursor="1"))
    core.news.put_nowait(news)
    messages = connection.follow(connection.rpc.WatchCalls, WatchCallsRequest(), "a.b.c")
    await anext(messages)
    with pytest.raises(TrunklineError, match="cannot answer at the moment"):
        await anext(messages)


async def test_a_stream_that_is_left_is_ended(connection: CoreConnection, core: RecordingCore) -> None:
    core.news.put_nowait(WatchCallsResponse(cursor="1"))
    messages = connection.follow(connection.rpc.WatchCalls, WatchCallsRequest(), "a.b.c")
    await anext(messages)
    await messages.aclose()
    async with asyncio.timeout(10):
        await core.watchers_left.acquire()


async def test_a_stream_that_does_not_begin(core: RecordingCore, tmp_path: Path) -> None:
    async with core_connection(FacadeSettings(data_dir=tmp_path, core_timeout_ms=50)) as connection:
        messages = connection.follow(connection.rpc.WatchCalls, WatchCallsRequest(), "a.b.c")
        with pytest.raises(TrunklineError, match="cannot answer at the moment"):
            await anext(messages)


async def test_before_the_cores_first_start_there_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with core_connection(FacadeSettings(data_dir=tmp_path)):
            raise AssertionError("connected")


async def test_the_target_can_be_set(core: RecordingCore, tmp_path: Path) -> None:
    core.answers[GetDeviceRequest] = GetDeviceResponse()
    settings = FacadeSettings(data_dir=tmp_path, core_target=f"unix:{tmp_path}/core.sock")
    async with core_connection(settings) as connection:
        await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"))
