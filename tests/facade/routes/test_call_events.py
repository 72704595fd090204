"""The stream of call events: what is asked of the core, how its messages read, resuming, and every argument wrong."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from doubles.recording_core import DEVICE, RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.facade.main import FacadeServer
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.call_pb2 import CallState
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import CallEvent, CursorExpired, SnapshotEnd, WatchCallsRequest, WatchCallsResponse

EVENTS = "/api/rpc/events"
REFUSED = TrunklineError(ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND, "no such device")
ENDED = TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired")


@pytest.fixture
async def server(core: RecordingCore, settings: FacadeSettings) -> AsyncIterator[FacadeServer]:
    server = FacadeServer(settings)
    await server.start()
    yield server
    await server.drain()


@pytest.fixture
async def reader(server: FacadeServer, bearer: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A caller with a connection of its own."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=bearer, timeout=10) as reader:
        yield reader


async def read(client: httpx.AsyncClient, core: RecordingCore, *news: WatchCallsResponse) -> list[list[str]]:
    """The events, line by line, that a stream of these messages has before its end."""
    for message in news:
        core.news.put_nowait(message)
    core.news.put_nowait(ENDED)
    response = await client.get(EVENTS)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    *events, end, nothing = response.text.split("\n\n")
    assert nothing == ""
    assert end.startswith("event: end\ndata: {")
    return [text.split("\n") for text in events]


async def test_the_events_of_a_message_and_their_id(reader: httpx.AsyncClient, core: RecordingCore) -> None:
    events = [CallEvent(call_id=name, state=CallState.CALL_STATE_SENT, method="a\nb") for name in ("one", "two")]
    first, second = await read(reader, core, WatchCallsResponse(cursor="c1", events=events))
    assert first[0] == "event: call"
    assert json.loads(first[1].removeprefix("data: "))["rpcId"] == "one"
    assert second[:2] == ["id: c1", "event: call"]
    shown = json.loads(second[2].removeprefix("data: "))
    assert (shown["rpcId"], shown["status"], shown["method"]) == ("two", "SENT", "a\nb")
    assert len(second) == 3


async def test_a_message_without_events_has_an_id(reader: httpx.AsyncClient, core: RecordingCore) -> None:
    assert await read(reader, core, WatchCallsResponse(cursor="c1")) == [["id: c1"]]


async def test_a_snapshot(reader: httpx.AsyncClient, core: RecordingCore) -> None:
    told = await read(
        reader,
        core,
        WatchCallsResponse(cursor="c1", cursor_expired=CursorExpired()),
        WatchCallsResponse(cursor="c2", events=[CallEvent(call_id="one")]),
        WatchCallsResponse(cursor="c3", snapshot_end=SnapshotEnd()),
    )
    assert [lines[:2] for lines in told] == [
        ["id: c1", "event: cursorExpired"],
        ["id: c2", "event: call"],
        ["id: c3", "event: snapshotEnd"],
    ]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", WatchCallsRequest()),
        (f"deviceId={DEVICE.upper()}", WatchCallsRequest(device_id=DEVICE)),
        ("deviceId=&rpcStatus=&method=&snapshot=false", WatchCallsRequest()),
        (
            "rpcStatus=SENT,FAILED&rpcStatus=DELETED",
            WatchCallsRequest(
                states=[CallState.CALL_STATE_SENT, CallState.CALL_STATE_FAILED, CallState.CALL_STATE_DELETED]
            ),
        ),
        ("method=a,b&method=c", WatchCallsRequest(methods=["a,b", "c"])),
        ("snapshot=true", WatchCallsRequest(snapshot=True)),
    ],
)
async def test_what_is_asked(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], query: str, asked: WatchCallsRequest
) -> None:
    core.news.put_nowait(REFUSED)
    await client.get(f"{EVENTS}?{query}", headers=bearer)
    assert core.watches.get_nowait() == asked
    assert core.tokens == [bearer["X-Authorization"]]


async def test_going_on_behind_an_event(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    core.news.put_nowait(REFUSED)
    await client.get(EVENTS, headers=bearer | {"Last-Event-ID": "c7"})
    assert core.watches.get_nowait() == WatchCallsRequest(cursor="c7")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("deviceId=abc", "Invalid UUID string: abc"),
        ("rpcStatus=sent", "Invalid value of request parameter 'rpcStatus'"),
        ("rpcStatus=SENT,UNSPECIFIED", "Invalid value of request parameter 'rpcStatus'"),
        ("snapshot=perhaps", "Invalid value of request parameter 'snapshot'"),
    ],
)
async def test_400(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], query: str, message: str
) -> None:
    response = await client.get(f"{EVENTS}?{query}", headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"].startswith(message)
    assert core.watches.empty()


async def test_a_refusal_of_the_core_is_a_status(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    core.news.put_nowait(REFUSED)
    response = await client.get(EVENTS, headers=bearer)
    assert (response.status_code, response.json()["message"]) == (404, "no such device")


async def test_system_administrators_have_no_devices(client: httpx.AsyncClient, core: RecordingCore) -> None:
    headers = {"X-Authorization": f"Bearer {core.signer.sign(scopes=['SYS_ADMIN'])}"}
    assert (await client.get(EVENTS, headers=headers)).status_code == 403
    assert (await client.get(EVENTS)).status_code == 401
    assert core.watches.empty()


async def test_events_come_at_once_and_the_core_hears_when_the_reader_leaves(
    reader: httpx.AsyncClient, core: RecordingCore
) -> None:
    async with asyncio.timeout(10):
        core.news.put_nowait(WatchCallsResponse(cursor="c1"))
        async with reader.stream("GET", EVENTS) as response:
            lines = response.aiter_lines()
            for cursor in ("c1", "c2"):
                assert [await anext(lines), await anext(lines)] == [f"id: {cursor}", ""]
                core.news.put_nowait(WatchCallsResponse(cursor="c2"))
        await core.watchers_left.acquire()


async def test_who_asks_for_the_head_alone_is_not_kept(reader: httpx.AsyncClient, core: RecordingCore) -> None:
    core.news.put_nowait(WatchCallsResponse(cursor="c1"))
    async with asyncio.timeout(10):
        response = await reader.head(EVENTS)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-type"].startswith("text/event-stream")
        await core.watchers_left.acquire()
        assert (await reader.get("/livez")).status_code == 200, "on the same connection"


async def test_a_core_that_goes_away_ends_the_stream(reader: httpx.AsyncClient, core: RecordingCore) -> None:
    core.news.put_nowait(WatchCallsResponse(cursor="c1"))
    async with asyncio.timeout(10), reader.stream("GET", EVENTS) as response:
        lines = response.aiter_lines()
        await anext(lines)
        await core.stop()
        told = [line async for line in lines]
    assert told[-3] == "event: end"
    assert json.loads(told[-2].removeprefix("data: "))["status"] == 503


async def test_the_facades_end_ends_the_stream_at_once(
    reader: httpx.AsyncClient, core: RecordingCore, server: FacadeServer
) -> None:
    core.news.put_nowait(WatchCallsResponse(cursor="c1"))
    async with asyncio.timeout(10), reader.stream("GET", EVENTS) as response:
        lines = response.aiter_lines()
        await anext(lines)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.drain())
            told = [line async for line in lines]
    assert told[-3] == "event: end"
