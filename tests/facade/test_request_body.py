"""Bodies are read whole and bounded, in one part or many, in whatever charset."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from starlette.requests import Request

from trunkline.contract.errors import TrunklineError
from trunkline.facade.request_body import CallerGone, read_body, request_body, utf8_body
from trunkline.v1.error_pb2 import ErrorReason

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


def sends(*parts: bytes, complete: bool = True) -> Receive:
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": not complete or place < len(parts) - 1}
        for place, part in enumerate(parts)
    ]
    messages.append({"type": "http.disconnect"})
    waiting = iter(messages)

    async def receive() -> MutableMapping[str, Any]:
        return next(waiting)

    return receive


@pytest.mark.parametrize("parts", [(b"",), (b"abc",), (b"a", b"bc"), (b"", b"a", b"", b"bc", b"")])
async def test_all_parts(parts: tuple[bytes, ...]) -> None:
    assert await read_body({}, sends(*parts), 3) == b"".join(parts)


@pytest.mark.parametrize("parts", [(b"abcd",), (b"ab", b"cd"), (b"ab", b"cd", b"ef")])
async def test_more_than_the_limit(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(TrunklineError, match="exceeds the limit of 3 bytes") as caught:
        await read_body({}, sends(*parts), 3)
    assert caught.value.reason == ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE


async def test_what_is_announced_too_large_is_not_read() -> None:
    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("read")

    with pytest.raises(TrunklineError, match="exceeds"):
        await read_body({b"content-length": b"4"}, receive, 3)
    with pytest.raises(TrunklineError, match="Content-Length"):
        await read_body({b"content-length": b"-4"}, receive, 3)


@pytest.mark.parametrize("receive", [sends(), sends(b"a", complete=False)])
async def test_a_caller_that_leaves(receive: Receive) -> None:
    with pytest.raises(CallerGone):
        await read_body({}, receive, 3)


@pytest.mark.parametrize(
    ("content_type", "body", "read"),
    [
        (None, b"\xff", b"\xff"),
        (b"text/plain", b"\xff", b"\xff"),
        (b"text/plain; charset=utf-8", b"\xff", b"\xff"),
        (b"text/plain;CHARSET=ISO-8859-1", b"\xfc", "ü".encode()),
        (b'application/json; charset="utf-16"', "ü".encode("utf-16"), "ü".encode()),
        (b"text/plain; charset=klingon", b"a", b"a"),
        (b"text/plain; charset=hex", b"a", b"a"),
        (b"text/plain; charset=", b"a", b"a"),
        (b"charset", b"a", b"a"),
    ],
)
def test_charsets(content_type: bytes | None, body: bytes, read: bytes) -> None:
    headers = {} if content_type is None else {b"content-type": content_type}
    assert utf8_body(headers, body) == read


async def test_an_ordinary_routes_body() -> None:
    headers = [(b"content-type", b"text/plain; charset=latin-1")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, sends(b"\xfc"))
    assert await request_body(request, 10) == "ü".encode()
