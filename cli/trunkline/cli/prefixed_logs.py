"""Several processes' output on one terminal: every line behind the name of who wrote it."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

LONGEST_LINE_BYTES: Final = 64 * 1024
"""A longer line is cut into several: a child that never ends its line must not fill our memory."""

_COLOURS: Final = (36, 33, 35, 32, 34)


class Out(Protocol):
    """Where lines go: standard error's buffer, for instance."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> None: ...


class PrefixedLogs:
    """Copies the output of named processes, line by line, to one stream."""

    def __init__(self, out: Out, names: Sequence[str], *, colours: bool) -> None:
        width = max(map(len, names))
        self._out = out
        self._prefixes = {
            name: (
                f"\x1b[{_COLOURS[n % len(_COLOURS)]}m{name:<{width}} |\x1b[0m " if colours else f"{name:<{width}} | "
            ).encode()
            for n, name in enumerate(names)
        }

    async def copy(self, name: str, source: asyncio.StreamReader) -> None:
        """Copy until the source ends; an unfinished last line is finished."""
        prefix = self._prefixes[name]
        rest = b""
        while chunk := await source.read(LONGEST_LINE_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            while len(rest) > LONGEST_LINE_BYTES:
                lines.append(rest[:LONGEST_LINE_BYTES])
                rest = rest[LONGEST_LINE_BYTES:]
            self._write(b"".join(prefix + line + b"\n" for line in lines))
        if rest:
            self._write(prefix + rest + b"\n")

    def _write(self, text: bytes) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            pass  # whoever read our output went away; that is no reason to block or end the parts
