"""Replies to stored calls: a worker keeps each until the core says that it is committed."""

from collections.abc import Iterator

from trunkline.contract.streams.frames import Reply
from trunkline.contract.streams.outbox import frame_bytes


class KeptReplies:
    """What waits for ReplyStored, by session and request id. Its owner's `max_unacked_bytes` bounds it."""

    def __init__(self) -> None:
        self.bytes = 0
        """What all of them weigh."""
        self.dropped = 0
        """How many found no room, since the start."""
        self._replies: dict[tuple[int, int], Reply] = {}

    def __iter__(self) -> Iterator[Reply]:
        return iter(self._replies.values())

    def __len__(self) -> int:
        return len(self._replies)

    def add(self, reply: Reply, room: int) -> bool:
        """Keep a reply if all together then weigh at most `room` bytes; a repeated one takes its older one's place."""
        weight = frame_bytes(reply)
        if self.bytes + weight > room:
            self.dropped += 1
            return False
        self.remove(reply.session, reply.request_id)
        reply.keep = True
        self._replies[reply.session, reply.request_id] = reply
        self.bytes += weight
        return True

    def has(self, session: int, request_id: int) -> bool:
        """Whether this reply is kept."""
        return (session, request_id) in self._replies

    def remove(self, session: int, request_id: int) -> bool:
        """The core has this reply; False if it was not kept."""
        reply = self._replies.pop((session, request_id), None)
        if reply is None:
            return False
        self.bytes -= frame_bytes(reply)
        return True

    def of(self, session: int) -> list[Reply]:
        """All that came on one session."""
        return [reply for (of, _), reply in self._replies.items() if of == session]
