"""The shortcut writes what `send` would have written and stays away where it must; requests may come in any pieces."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import httpx
import pytest
import uvicorn
from doubles.manual_clock import ManualClock
from doubles.recording_core import DEVICE, RecordingCore
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from trunkline.facade.connection_bounds import ConnectionBounds, Limits, Line
from trunkline.facade.http_protocol import HttpProtocol, answer_at_once
from trunkline.facade.main import FacadeServer
from trunkline.facade.metrics import Counters
from trunkline.facade.request_body import read_body
from trunkline.facade.rpc_answer import Answer
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.rpc_service_pb2 import CallResult

PATH = f"/api/rpc/twoway/{DEVICE}"
BODY = b'{"method":"m"}'


@pytest.fixture
async def server(core: RecordingCore, settings: FacadeSettings) -> AsyncIterator[FacadeServer]:
    server = FacadeServer(settings.model_copy(update={"cors_origins": ("http://page.example",)}))
    await server.start()
    yield server
    await server.drain()


@pytest.fixture
async def http(server: FacadeServer, bearer: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=bearer) as http:
        yield http


def request(
    bearer: dict[str, str], body: bytes = BODY, *more: str, version: str = "1.1", method: str = "POST"
) -> bytes:
    lines = [
        f"POST {PATH} HTTP/{version}",
        "Host: x",
        f"X-Authorization: {bearer['X-Authorization']}",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize("body", [BODY, b"", b'{"method":5}'])
async def test_both_ways_answer_alike(
    client: httpx.AsyncClient, http: httpx.AsyncClient, bearer: dict[str, str], body: bytes
) -> None:
    through_send = await client.post(PATH, content=body, headers=bearer)
    at_once = await http.post(PATH, content=body)
    assert at_once.headers.pop("date")
    assert at_once.headers.pop("trunkline-call-id") != through_send.headers.pop("trunkline-call-id")
    assert at_once.headers.multi_items() == through_send.headers.multi_items()
    assert at_once.status_code == through_send.status_code
    if at_once.status_code == 200:
        assert at_once.content == through_send.content


async def test_an_answer_is_one_write(server: FacadeServer, bearer: dict[str, str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with asyncio.timeout(10):
        for _ in range(20):
            writer.write(request(bearer))
            answer = await reader.read(65536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b'\r\n\r\n{"ok":true}')
    writer.close()
    await writer.wait_closed()


async def test_requests_that_come_together_are_answered_in_order(
    server: FacadeServer, core: RecordingCore, bearer: dict[str, str]
) -> None:
    core.answer = lambda call: CallResult(outcome=Outcome.OUTCOME_SUCCEEDED, payload=call.params)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with asyncio.timeout(10):
        writer.write(b"".join(request(bearer, b'{"method":"m","params":%d}' % number) for number in range(5)))
        for number in range(5):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(1) == b"%d" % number
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(("version", "more"), [("1.0", ()), ("1.1", ("Connection: close",))])
async def test_connections_that_end_with_the_answer(
    server: FacadeServer, bearer: dict[str, str], version: str, more: tuple[str, ...]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request(bearer, BODY, *more, version=version))
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b'{"ok":true}')
    writer.close()
    await writer.wait_closed()


async def test_head_has_no_body(http: httpx.AsyncClient) -> None:
    response = await http.head(PATH)
    assert (response.status_code, response.content) == (405, b"")
    assert (await http.post(PATH, content=BODY)).status_code == 200  # the connection is still in step


async def test_head_is_get_without_its_body(http: httpx.AsyncClient) -> None:
    for path in ("/livez", "/docs", "/.well-known/jwks.json", "/nothing"):
        response, whole = await http.head(path), await http.get(path)
        assert (response.status_code, response.content) == (whole.status_code, b"")
        assert response.headers["content-length"] == str(len(whole.content))


async def test_pages_of_other_origins_get_their_headers(http: httpx.AsyncClient) -> None:
    response = await http.post(PATH, content=BODY, headers={"Origin": "http://page.example"})
    assert response.headers["access-control-allow-origin"] == "http://page.example"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_caller_that_does_not_read_is_waited_for(
    server: FacadeServer, core: RecordingCore, bearer: dict[str, str]
) -> None:
    payload = b'"' + b"x" * 1_000_000 + b'"'
    core.answer = lambda call: CallResult(outcome=Outcome.OUTCOME_SUCCEEDED, payload=payload)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    async with asyncio.timeout(20):
        writer.write(request(bearer) * 12)
        for _ in range(12):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(payload)) == payload
    writer.close()
    await writer.wait_closed()


async def test_a_large_body_that_is_announced_is_let_come(http: httpx.AsyncClient) -> None:
    response = await http.post(PATH, content=BODY + b" " * 300_000, headers={"Expect": "100-continue"})
    assert response.status_code == 200
    response = await http.post(PATH, content=b" " * 2_000_000, headers={"Expect": "100-continue"})
    assert response.status_code == 413


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_offers_of_other_protocols_are_passed_over(
    http: httpx.AsyncClient, core: RecordingCore, protocol: str, chunked: bool
) -> None:
    async def in_parts() -> AsyncIterator[bytes]:
        yield BODY[:5]
        yield BODY[5:]

    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": protocol, "HTTP2-Settings": "AAEAAEAAAAIAAAAB"}
    for _ in range(2):
        response = await http.post(PATH, content=in_parts() if chunked else BODY, headers=headers)
        assert response.json() == {"ok": True}
        assert (await core.calls.get()).method == "m"


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def write_eof(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


PLAIN = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
SIZED = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n"
UPGRADE = b"POST /d HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello"


@given(
    requests=st.lists(st.sampled_from([PLAIN, SIZED, CHUNKED, UPGRADE]), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    turns=st.integers(0, 3),
)
def test_it_does_not_matter_how_requests_are_cut(requests: list[bytes], cuts: list[int], turns: int) -> None:
    """Every request is answered, and a connection stands in the one line that fits what it has sent."""
    stream = b"".join(requests)

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body({}, receive, 100)
        assert answer_at_once(scope, Answer(200, [(b"content-length", b"%d" % len(body))], body))

    async def run() -> None:
        bounds = ConnectionBounds(Limits(1, 1000, 1000, 1, 1, 1), Counters(), ManualClock())
        wire = Wire()
        config = uvicorn.Config(echo, ws="none", lifespan="off", log_config=None, access_log=False)
        connection = HttpProtocol(config, ServerState(), {}, bounds=bounds)
        connection.connection_made(wire)
        places = sorted({0, *(cut % len(stream) for cut in cuts), len(stream)})
        for start, end in pairwise(places):
            connection.data_received(stream[start:end])
            assert len(lines_of(bounds, connection)) <= 1
            for _ in range(turns):
                await asyncio.sleep(0)
        while connection.tasks:
            await asyncio.wait(connection.tasks)
        assert wire.written.count(b"HTTP/1.1 200 OK") == len(requests)
        assert wire.written.count(b"hello") == len(requests) - requests.count(PLAIN)
        assert lines_of(bounds, connection) == [bounds.idle]
        connection.data_received(PLAIN[:-1])
        assert lines_of(bounds, connection) == [bounds.heads]
        connection.data_received(PLAIN[-1:] + SIZED[:-1])
        assert lines_of(bounds, connection) == [bounds.bodies]
        connection.connection_lost(None)
        assert lines_of(bounds, connection) == []

    asyncio.run(run())


def lines_of(bounds: ConnectionBounds, connection: HttpProtocol) -> list[Line]:
    """Where a connection stands."""
    return [line for line in (bounds.heads, bounds.bodies, bounds.idle, bounds.lingering) if connection in line.due_ms]
