"""Sessions that were refused while more of what their devices said may be on its way: it is dropped, not questioned."""

from typing import Final

REMEMBERED: Final = 10_000
"""Refusals; with more, the oldest is forgotten, and what comes for it is answered as for any unknown session."""


class Refusals:
    """The handles of one worker's refused sessions."""

    def __init__(self) -> None:
        self._handles: dict[int, None] = {}  # in the order of their refusal

    def __contains__(self, handle: int) -> bool:
        return handle in self._handles

    def add(self, handle: int) -> None:
        """The session was refused."""
        self._handles[handle] = None
        if len(self._handles) > REMEMBERED:
            del self._handles[next(iter(self._handles))]

    def discard(self, handle: int) -> None:
        """Nothing more comes for it."""
        self._handles.pop(handle, None)
