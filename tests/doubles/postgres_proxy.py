"""Between a client and a PostgreSQL server: loses a COMMIT, or the answer to it."""

import asyncio
from pathlib import Path
from typing import Final, Self

SOCKET: Final = ".s.PGSQL.5432"

COMMIT: Final = b"COMMIT;"


class PostgresProxy:
    """`async with` it; clients name `folder` as their host."""

    def __init__(self, folder: Path, server: Path) -> None:
        """Both are directories of sockets."""
        self.folder = folder
        self._server_path = server / SOCKET
        self._connections: set[asyncio.Task[None]] = set()
        self._lose_commit = False
        self._lose_answer = False

    def lose_commit(self) -> None:
        """Break the next connection that wants to commit; the server never hears of it."""
        self._lose_commit = True

    def lose_answer(self) -> None:
        """Break the next connection that wants to commit, when the server has done it."""
        self._lose_answer = True

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, self.folder / SOCKET)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer), name="proxied connection")
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_unix_connection(self._server_path)
        losing = asyncio.Event()
        ways = [
            asyncio.create_task(self._ask(reader, questions, losing)),
            asyncio.create_task(_answer(answers, writer, losing)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            questions.close()
            writer.close()

    async def _ask(self, reader: asyncio.StreamReader, questions: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        while data := await reader.read(65536):
            if COMMIT in data and self._lose_commit:
                self._lose_commit = False
                return
            if COMMIT in data and self._lose_answer:
                self._lose_answer = False
                losing.set()
            questions.write(data)
            await questions.drain()


async def _answer(answers: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
    while data := await answers.read(65536):
        if losing.is_set():
            return
        writer.write(data)
        await writer.drain()
