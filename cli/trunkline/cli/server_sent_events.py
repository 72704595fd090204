"""Reads server-sent events from bytes as they come, in whatever pieces."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from trunkline.cli.errors import CommandError

MAX_EVENT_BYTES: Final = 1024 * 1024
"""What tells of a change is far smaller; what is not may be no event stream at all."""

_END_OF_LINE: Final = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Event:
    """What happened (`message` where the server does not say), what there is to say of it, where the stream stands."""

    kind: str
    data: str
    cursor: str
    """Whoever shows it later goes on behind this event; if it is one of several that came together, at the first."""


class EventReader:
    """One stream, from its beginning or behind `cursor`."""

    def __init__(self, cursor: str = "") -> None:
        self.cursor = cursor
        """The last id that the stream said at the end of an event, be it one without data."""
        self._next_cursor = cursor
        self._kind = ""
        self._data: list[str] = []
        self._size = 0
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that are whole with this piece. Raises CommandError for one that is too large to be one."""
        text = self._rest + piece
        lines = _END_OF_LINE.split(text)
        self._rest = lines.pop()
        if text.endswith(b"\r"):
            # Half of a \r\n, perhaps: the next piece tells.
            self._rest = lines.pop() + b"\r"
        for line in lines:
            if line:
                self._read(line)
            elif (event := self._end()) is not None:
                yield event
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise CommandError("The server sent an event that is too large.")

    def _read(self, line: bytes) -> None:
        name, _, value = line.decode(errors="replace").partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._kind = value
            case "data":
                self._data.append(value)
                self._size += len(line)
            case "id" if "\0" not in value:
                self._next_cursor = value
            case _:
                pass  # a comment, by which the server shows that it lives, or a field that means nothing here

    def _end(self) -> Event | None:
        self.cursor = self._next_cursor
        event = Event(self._kind or "message", "\n".join(self._data), self.cursor) if self._data else None
        self._kind, self._data, self._size = "", [], 0
        return event
