"""PUBACKs in the order of their publishes, while some of them wait until a reply is stored."""

from collections import deque
from typing import NamedTuple


class HeldAck(NamedTuple):
    """`request_id` 0: it waits only because it is behind others."""

    puback: bytes
    request_id: int


class HeldAcks:
    """Exists while there are any. A device sees its acknowledgements in order, so all behind a held one are held."""

    __slots__ = ("_acks",)

    def __init__(self) -> None:
        self._acks: deque[HeldAck] = deque()

    def __len__(self) -> int:
        return len(self._acks)

    def add(self, puback: bytes, request_id: int = 0) -> None:
        """Hold a PUBACK until the reply with this request id is stored, or (0) until it is first in line."""
        self._acks.append(HeldAck(puback, request_id))

    def stored(self, request_id: int) -> list[bytes]:
        """The reply is stored; returns the PUBACKs that are to be sent now, in order."""
        acks = self._acks = deque(HeldAck(ack.puback, 0) if ack.request_id == request_id else ack for ack in self._acks)
        freed = []
        while acks and not acks[0].request_id:
            freed.append(acks.popleft().puback)
        return freed
