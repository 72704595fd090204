"""Replies that wait for the store."""

from trunkline.contract.streams.frames import Reply
from trunkline.contract.streams.kept_replies import KeptReplies
from trunkline.contract.streams.outbox import frame_bytes


def test_a_reply_is_kept_until_it_is_stored() -> None:
    replies = KeptReplies()
    reply = Reply(1, 7, b"{}")
    assert replies.add(reply, room=1_000)
    assert reply.keep
    assert (list(replies), len(replies), replies.bytes) == ([reply], 1, frame_bytes(reply))
    assert replies.remove(1, 7)
    assert not replies.remove(1, 7)
    assert (len(replies), replies.bytes) == (0, 0)


def test_a_repeated_reply_takes_its_own_place() -> None:
    replies = KeptReplies()
    replies.add(Reply(1, 7, b"{}"), room=1_000)
    again = Reply(1, 7, b"[1]")
    assert replies.add(again, room=1_000)
    assert (list(replies), replies.bytes) == ([again], frame_bytes(again))


def test_what_finds_no_room_is_counted_and_not_kept() -> None:
    replies = KeptReplies()
    reply = Reply(1, 7, b"x" * 100)
    assert replies.add(reply, room=frame_bytes(reply))
    refused = Reply(2, 7)
    assert not replies.add(refused, room=frame_bytes(reply))
    assert not refused.keep
    assert (list(replies), replies.dropped) == ([reply], 1)


def test_the_replies_of_one_session() -> None:
    replies = KeptReplies()
    first, second, other = Reply(1, 7), Reply(1, 8), Reply(2, 7)
    for reply in (first, second, other):
        replies.add(reply, room=1_000)
    assert replies.of(1) == [first, second]
    assert replies.has(2, 7)
    assert not replies.has(2, 8)
