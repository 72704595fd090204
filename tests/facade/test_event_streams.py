"""Server-sent events on the wire: their form, their bound, and everything that ends them."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable

import pytest
from starlette.types import Message

from trunkline.contract.errors import TrunklineError
from trunkline.facade.event_streams import HEARTBEAT, EventAnswer, EventStreams, event
from trunkline.facade.metrics import Counters
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.error_pb2 import ErrorReason

Streams = Callable[..., EventStreams]

IN_AN_HOUR = int(time.time()) + 3600
FULL = TrunklineError(ErrorReason.ERROR_REASON_QUEUE_FULL, "full")


class Reader:
    """What a caller sees of an answer; `leave` when it has seen enough."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.news: asyncio.Queue[bytes | TrunklineError] = asyncio.Queue()
        """What there is to tell."""
        self.closed = False
        self._left = asyncio.Event()
        self._asked = False
        self._came = asyncio.Event()

    async def events(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                news = await self.news.get()
                if isinstance(news, TrunklineError):
                    raise news
                yield news
        finally:
            self.closed = True

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b""}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        self._came.set()

    async def until(self, count: int) -> None:
        """Wait until so many messages were sent."""
        while len(self.messages) < count:
            self._came.clear()
            await self._came.wait()

    def leave(self) -> None:
        self._left.set()

    @property
    def texts(self) -> list[bytes]:
        return [message["body"] for message in self.messages if message["type"] == "http.response.body"]

    @property
    def whole(self) -> bool:
        """The answer has its end."""
        return not self.messages[-1].get("more_body", False)


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def streams(counters: Counters) -> Streams:
    """Makes them, with settings of a test's own."""
    return lambda **changes: EventStreams(FacadeSettings().model_copy(update=changes), counters)


async def answer(reader: Reader, streams: EventStreams, expires_s: int = IN_AN_HOUR) -> None:
    async with asyncio.timeout(10):
        await EventAnswer(streams, reader.events(), expires_s)({"type": "http"}, reader.receive, reader.send)


def said(text: bytes) -> tuple[str, dict[str, object]]:
    """An event's name and data."""
    name, data, *rest = text.decode().split("\n")
    assert rest == ["", ""]
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_the_form_of_an_event() -> None:
    assert event("call", '{"a":1}', "7") == b'id: 7\nevent: call\ndata: {"a":1}\n\n'
    assert event("call", "{}") == b"event: call\ndata: {}\n\n"


async def test_what_there_is_is_told_until_the_reader_leaves(streams: Streams, counters: Counters) -> None:
    reader, all_streams = Reader(), streams()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(answer(reader, all_streams))
        for count in range(1, 4):
            reader.news.put_nowait(b"%d" % count)
            await reader.until(count + 1)
        assert counters.event_streams == 1
        reader.leave()
    start = reader.messages[0]
    assert (start["status"], dict(start["headers"])[b"content-type"]) == (200, b"text/event-stream; charset=utf-8")
    assert reader.texts == [b"1", b"2", b"3"]
    assert reader.closed
    assert counters.event_streams == 0


async def test_a_quiet_stream_says_that_it_lives(streams: Streams) -> None:
    reader = Reader()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(answer(reader, streams(event_heartbeat_s=0.001)))
        reader.news.put_nowait(b"1")
        await reader.until(4)
        reader.news.put_nowait(b"2")
        while reader.texts[-1] != b"2" and b"2" not in reader.texts:
            await reader.until(len(reader.messages) + 1)
        reader.leave()
    assert reader.texts[:3] == [b"1", HEARTBEAT, HEARTBEAT]
    assert set(reader.texts) == {b"1", HEARTBEAT, b"2"}


async def test_a_refusal_is_an_ordinary_answer(streams: Streams) -> None:
    reader = Reader()
    reader.news.put_nowait(TrunklineError(ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND, "no such device"))
    await answer(reader, streams())
    assert reader.messages[0]["status"] == 404
    assert json.loads(reader.texts[0])["message"] == "no such device"
    assert reader.whole


async def test_an_end_after_the_beginning_is_an_event(streams: Streams) -> None:
    reader = Reader()
    reader.news.put_nowait(b"1")
    reader.news.put_nowait(TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired"))
    await answer(reader, streams())
    name, problem = said(reader.texts[-1])
    assert name == "end"
    assert (problem["status"], problem["errorCode"], problem["message"]) == (401, 11, "Token has expired")
    assert reader.whole
    assert reader.closed


async def test_the_tokens_end_ends_it(streams: Streams) -> None:
    reader = Reader()
    reader.news.put_nowait(b"1")
    await answer(reader, streams(), int(time.time()) + 1)
    assert said(reader.texts[-1])[1]["errorCode"] == 11
    assert reader.closed
    reader = Reader()
    await answer(reader, streams(), int(time.time()))
    assert reader.messages[0]["status"] == 401


async def test_the_process_ends_all_of_them(streams: Streams) -> None:
    readers, all_streams = [Reader(), Reader()], streams()
    async with asyncio.TaskGroup() as tasks:
        for reader in readers:
            tasks.create_task(answer(reader, all_streams))
            reader.news.put_nowait(b"1")
            await reader.until(2)
        all_streams.over.set()
    for reader in readers:
        assert said(reader.texts[-1])[1]["status"] == 503
        assert reader.closed
    late = Reader()
    await answer(late, all_streams)
    assert late.messages[0]["status"] == 503
    assert late.closed is False, "it was never begun"


async def test_there_are_only_so_many(streams: Streams) -> None:
    first, second, all_streams = Reader(), Reader(), streams(max_event_streams=1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(answer(first, all_streams))
        first.news.put_nowait(b"1")
        await first.until(2)
        await answer(second, all_streams)
        assert second.messages[0]["status"] == 429
        assert dict(second.messages[0]["headers"])[b"retry-after"] == b"1"
        first.leave()
    third = Reader()
    third.news.put_nowait(FULL)
    await answer(third, all_streams)
    assert json.loads(third.texts[0])["message"] == "full", "there was room again"


async def test_who_leaves_before_the_beginning(streams: Streams) -> None:
    reader = Reader()
    reader.leave()
    await answer(reader, streams())
    assert reader.messages == []
    assert reader.closed


async def test_a_bug_is_no_end(streams: Streams, counters: Counters) -> None:
    reader, all_streams = Reader(), streams()

    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"1"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await EventAnswer(all_streams, broken(), IN_AN_HOUR)({"type": "http"}, reader.receive, reader.send)
    assert counters.event_streams == 0
