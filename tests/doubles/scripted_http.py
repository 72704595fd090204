"""An HTTP server that answers one request a connection as it was told, and keeps what was asked."""

import asyncio
import json
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self


def answer(body: Any, status: str = "200 OK") -> bytes:
    """A whole answer with JSON."""
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + content


def stream(text: str) -> bytes:
    """The beginning of an endless answer, which then breaks off."""
    piece = text.encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n" % (len(piece), piece)


class ScriptedHttp:
    """On a loopback port, while it is entered. Without an answer left it closes the connection."""

    def __init__(self, *answers: bytes) -> None:
        self._answers: Iterator[bytes] = iter(answers)
        self._server: asyncio.Server | None = None
        self.asked: list[str] = []
        """Heads and bodies of requests."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`"""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1])) if length else b""
            self.asked.append(head + body.decode())
            writer.write(next(self._answers, b""))
            await writer.drain()
        finally:
            writer.close()
