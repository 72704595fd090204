"""What a connection may send and when: the lines on a clock of the test's, and every bound over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from doubles.manual_clock import ManualClock
from doubles.recording_core import DEVICE, RecordingCore
from prometheus_client import CollectorRegistry, generate_latest

from trunkline.facade.connection_bounds import ConnectionBounds, Limits, Line
from trunkline.facade.main import FacadeServer
from trunkline.facade.metrics import Counters
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.call_pb2 import OUTCOME_SUCCEEDED
from trunkline.v1.rpc_service_pb2 import CallResult

PATH = f"/api/rpc/twoway/{DEVICE}"
SOON_S = 1.0  # a pause of the whole process that is shorter must not count against a connection, a longer one does not
LIMITS = Limits(
    connections=1, head_bytes=100, body_bytes=100, head_timeout_ms=10_000, body_timeout_ms=30_000, keep_alive_ms=75_000
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Waiting:
    """A connection that remembers which line it left overdue."""

    def __init__(self) -> None:
        self.left: list[Line] = []

    def overdue(self, line: Line) -> None:
        self.left.append(line)


def test_a_sweep_finds_those_whose_time_is_over() -> None:
    clock = ManualClock()
    bounds = ConnectionBounds(LIMITS, Counters(), clock)
    early, late = Waiting(), Waiting()
    bounds.enter(bounds.heads, early)
    for _ in range(10):
        clock.now += 900
        bounds.sweep()
    bounds.enter(bounds.heads, late)
    clock.now += 1_000
    bounds.sweep()
    assert (early.left, late.left) == ([bounds.heads], [])
    assert list(bounds.heads.due_ms) == [late]


def test_a_process_that_stood_still_reads_first() -> None:
    clock = ManualClock()
    bounds = ConnectionBounds(LIMITS, Counters(), clock)
    connection = Waiting()
    bounds.enter(bounds.heads, connection)
    clock.now += 60_000
    bounds.sweep()
    assert not connection.left
    clock.now += 100
    bounds.sweep()
    assert connection.left


@asynccontextmanager
async def serving(settings: FacadeSettings, **changed: float) -> AsyncIterator[FacadeServer]:
    server = FacadeServer(settings.model_copy(update=changed))
    await server.start()
    try:
        yield server
    finally:
        await server.drain()


@asynccontextmanager
async def connected(server: FacadeServer) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()


async def answers(reader: asyncio.StreamReader) -> list[tuple[int, dict[str, str], bytes]]:
    """Status, headers and body of all that comes until the connection ends."""
    found = []
    rest = await reader.read()
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = int(headers.get("content-length", "0"))
        found.append((int(first.split()[1]), headers, rest[:length]))
        rest = rest[length:]
    return found


async def the_refusal(reader: asyncio.StreamReader, status: int, code: int = 2) -> str:
    """The message of the only answer, which is the standard body and the connection's last."""
    ((actual, headers, content),) = await answers(reader)
    body = json.loads(content)
    assert (actual, body["status"], body["errorCode"]) == (status, status, code)
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    return str(body["message"])


def head(bearer: dict[str, str], *more: str) -> bytes:
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", f"X-Authorization: {bearer['X-Authorization']}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def request(bearer: dict[str, str], body: bytes = b'{"method":"m"}') -> bytes:
    return head(bearer, f"Content-Length: {len(body)}") + body


async def keep_sending(writer: asyncio.StreamWriter, piece: bytes, ended: "asyncio.Future[str]") -> None:
    """The same again and again, as long as the other side has not ended."""
    while not ended.done():
        writer.write(piece)
        await asyncio.wait([ended], timeout=0.005)


async def test_a_head_that_does_not_end(core: RecordingCore, settings: FacadeSettings) -> None:
    async with serving(settings, head_timeout_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(b"GET /livez HTTP/1.1\r\n")
        async with asyncio.TaskGroup() as tasks:
            refusal = tasks.create_task(the_refusal(reader, 408))
            await keep_sending(writer, b"X-Slow: loris\r\n", refusal)
        assert "head" in refusal.result()
        _counted(server, "head_timeout")


async def test_a_connection_that_says_nothing(core: RecordingCore, settings: FacadeSettings) -> None:
    async with serving(settings, head_timeout_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(b"\r\n")
        assert await reader.read() == b""


async def test_an_idle_connection(core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str]) -> None:
    async with serving(settings, keep_alive_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(request(bearer))
        ((status, headers, _),) = await answers(reader)
        assert status == 200
        assert "connection" not in headers


@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["open", "complete"])
@pytest.mark.parametrize("line", [b"A: " + b"b" * 70_000 + b"\r\n", b"A: b\r\n" * 15_000], ids=["one", "many"])
async def test_a_head_that_is_too_large(core: RecordingCore, settings: FacadeSettings, line: bytes, end: bytes) -> None:
    async with serving(settings) as server, connected(server) as (reader, writer):
        writer.write(b"GET /livez HTTP/1.1\r\n" + line + end)
        assert "65536" in await the_refusal(reader, 431)
        _counted(server, "head_too_large")


async def test_a_flood_of_headers(core: RecordingCore, settings: FacadeSettings) -> None:
    async with serving(settings) as server, connected(server) as (reader, writer):
        writer.write(b"GET /livez HTTP/1.1\r\n")
        async with asyncio.TaskGroup() as tasks:
            refusal = tasks.create_task(the_refusal(reader, 431))
            await keep_sending(writer, b"A: b\r\n" * 1_000, refusal)


async def test_a_large_head_within_the_limit(core: RecordingCore, settings: FacadeSettings) -> None:
    async with serving(settings, keep_alive_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 60_000)
        await writer.drain()
        writer.write(b"b" * 5_000 + b"\r\n\r\n")
        ((status, _, _),) = await answers(reader)
        assert status == 200


async def test_many_requests_at_once_are_no_large_head(
    core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str]
) -> None:
    async with serving(settings, keep_alive_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(request(bearer) * 300)
        assert [status for status, _, _ in await answers(reader)] == [200] * 300


@pytest.mark.parametrize("path", [PATH, "/api/auth/login"])
@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_a_slow_body(
    core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str], path: str, framing: str
) -> None:
    async with serving(settings, body_timeout_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(head(bearer, framing).replace(PATH.encode(), path.encode()))
        async with asyncio.TaskGroup() as tasks:
            refusal = tasks.create_task(the_refusal(reader, 408))
            await keep_sending(writer, b"1\r\n \r\n" if "chunked" in framing else b"{", refusal)
        assert "body" in refusal.result()
        _counted(server, "body_timeout")
    assert core.calls.empty()


async def test_a_slow_body_that_was_refused_already(
    core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str]
) -> None:
    async with serving(settings, body_timeout_s=1.0) as server, connected(server) as (reader, writer):
        writer.write(head(bearer, "Content-Length: 9999999") + b"{")
        ((status, _, _),) = await answers(reader)
        assert status == 413


async def test_an_endless_trailer(core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str]) -> None:
    async with serving(settings, max_params_bytes=1024) as server, connected(server) as (reader, writer):
        writer.write(head(bearer, "Transfer-Encoding: chunked") + b"0\r\n")
        async with asyncio.TaskGroup() as tasks:
            refusal = tasks.create_task(the_refusal(reader, 413))
            await keep_sending(writer, b"A: b\r\n" * 1_000, refusal)


async def test_trailers_are_no_headers(core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str]) -> None:
    async with serving(settings, keep_alive_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        writer.write(f"0\r\nX-Authorization: {bearer['X-Authorization']}\r\n\r\n".encode())
        ((status, _, _),) = await answers(reader)
        assert status == 401


async def test_one_connection_too_many(core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str]) -> None:
    async with serving(settings, max_connections=1) as server:
        async with connected(server) as (reader, writer):
            writer.write(request(bearer))
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            async with connected(server) as (second, _):
                await the_refusal(second, 503)
            writer.write(request(bearer))
            await reader.readuntil(b"HTTP/1.1 200")
            writer.close()
            await reader.read()
        _counted(server, "connections")


@pytest.mark.parametrize("rest", [b"GET /livez HTTP/1.1\r\nA: b", b"garbage"])
async def test_earlier_requests_get_their_answers(
    core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str], rest: bytes
) -> None:
    """A refusal would be taken for theirs."""
    core.answer = lambda call: None
    async with serving(settings, head_timeout_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(request(bearer) + rest)
        call = await core.calls.get()
        await _time_runs_out(server)
        core.finish(call, CallResult(outcome=OUTCOME_SUCCEEDED, payload=b"1"))
        ((status, headers, body),) = await answers(reader)
        assert (status, headers["connection"], body) == (200, "close", b"1")


async def test_a_call_that_waits_is_not_in_anybodys_way(
    core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str]
) -> None:
    core.answer = lambda call: None
    short = {"head_timeout_s": SOON_S, "body_timeout_s": SOON_S, "keep_alive_s": SOON_S}
    async with serving(settings, **short) as server, connected(server) as (reader, writer):
        writer.write(request(bearer) * 3)  # two of them wait, and reading waits for them
        for _ in range(3):
            call = await core.calls.get()
            await _time_runs_out(server)
            core.finish(call, CallResult(outcome=OUTCOME_SUCCEEDED, payload=b"1"))
        assert [status for status, _, _ in await answers(reader)] == [200] * 3


@pytest.mark.parametrize(
    "garbage",
    [
        b"garbage\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nA b\r\n\r\n",
    ],
)
async def test_what_is_no_http(core: RecordingCore, settings: FacadeSettings, garbage: bytes) -> None:
    async with serving(settings) as server, connected(server) as (reader, writer):
        writer.write(garbage)
        await the_refusal(reader, 400, 31)
        _counted(server, "malformed")


async def test_a_broken_body(core: RecordingCore, settings: FacadeSettings, bearer: dict[str, str]) -> None:
    async with serving(settings) as server, connected(server) as (reader, writer):
        writer.write(head(bearer, "Transfer-Encoding: chunked") + b"no size\r\n")
        await the_refusal(reader, 400, 31)
    assert core.calls.empty()


async def _time_runs_out(server: FacadeServer) -> None:
    """A connection made now is ended for its silence."""
    async with connected(server) as (reader, _):
        assert await reader.read() == b""


def _counted(server: FacadeServer, what: str) -> None:
    registry = CollectorRegistry()
    registry.register(server.counters)
    page = generate_latest(registry).decode()
    assert f'trunkline_facade_connections_rejected_total{{what="{what}"}} 1.0' in page
