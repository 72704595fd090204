"""Bodies of waiting stored calls stay in the store: they are fetched in batches, shortly before their turn."""

from collections.abc import Iterable
from typing import Final

from trunkline.core.calls.model import Call

MAX_CALLS: Final = 64
MAX_BYTES: Final = 256 * 1024
"""Of one fetch; the first body may be larger."""

LOW: Final = 32
"""More are fetched when fewer than so many are loaded and have not gone out."""


class Bodies:
    """What of one device's waiting calls is loaded. At most one fetch is under way."""

    __slots__ = ("_ahead", "fetching")

    def __init__(self) -> None:
        self._ahead: dict[int, Call] = {}
        self.fetching = False

    def wanted(self, waiting: Iterable[Call]) -> tuple[Call, ...]:
        """What to fetch now of these, in the order of their turn; nothing if enough is loaded or on its way."""
        if self.fetching or len(self._ahead) >= LOW:
            return ()
        calls: list[Call] = []
        size = 0
        for call in waiting:
            keeping = call.keeping
            assert keeping is not None
            if keeping.loaded:
                continue
            size += keeping.body_bytes
            if calls and size > MAX_BYTES:
                break
            calls.append(call)
            if len(calls) == MAX_CALLS:
                break
        self.fetching = bool(calls)
        return tuple(calls)

    def came(self, call: Call) -> None:
        """The call is loaded and waits for its turn."""
        self._ahead[call.request_id] = call

    def used(self, call: Call) -> None:
        """The call goes out, or is over."""
        self._ahead.pop(call.request_id, None)

    def give_up(self, call: Call) -> None:
        """The call has to wait: the store has its body."""
        self._ahead.pop(call.request_id, None)
        keeping = call.keeping
        assert keeping is not None
        if keeping.committed:
            call.method, call.params, keeping.additional_info, keeping.loaded = "", b"", b"", False

    def give_all_up(self) -> None:
        """Nobody takes calls any more."""
        for call in list(self._ahead.values()):
            self.give_up(call)
