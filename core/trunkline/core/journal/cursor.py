"""Cursors: where in the events of one start of the core somebody has got to, as opaque text."""

import re
from dataclasses import dataclass
from typing import Final

SNAPSHOT: Final = "snapshot"
"""The cursor within a snapshot: whoever shows it has not seen all of it, and gets a new one."""

_FORM: Final = re.compile(r"([0-9a-f]{1,8})-([0-9a-f]{1,16})")


@dataclass(frozen=True, slots=True)
class Cursors:
    """Of the start with this number."""

    start_number: int

    def text(self, number: int) -> str:
        """The cursor of whoever has still to be told of the event with this number, and of all behind it."""
        return f"{self.start_number:x}-{number:x}"

    def number(self, text: str) -> int | None:
        """The number in a cursor; None if it is no cursor of this start: of another one, or of nobody."""
        form = _FORM.fullmatch(text)
        if form is None or int(form[1], 16) != self.start_number:
            return None
        return int(form[2], 16)
