"""A binary output stream whose lines a test can wait for."""

import asyncio
import re


class Output:
    """Collects what is written; `line` waits for a line that was not handed out before."""

    def __init__(self) -> None:
        self.text = ""
        self._read = 0
        self._more = asyncio.Event()

    def write(self, data: bytes, /) -> None:
        self.text += data.decode()
        self._more.set()

    def flush(self) -> None:
        pass

    async def line(self, pattern: str) -> "re.Match[str]":
        """The first line from here on that the pattern is found in."""
        async with asyncio.timeout(20):
            while True:
                end = self.text.find("\n", self._read)
                if end < 0:
                    self._more.clear()
                    await self._more.wait()
                    continue
                line, self._read = self.text[self._read : end], end + 1
                if found := re.search(pattern, line):
                    return found
