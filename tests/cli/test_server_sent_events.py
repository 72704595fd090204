import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.cli.errors import CommandError
from trunkline.cli.server_sent_events import MAX_EVENT_BYTES, Event, EventReader

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=10)
LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def read(*pieces: bytes) -> list[Event]:
    reader = EventReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def test_an_event_of_several_fields() -> None:
    assert read(b'event: call\nid: 7-42\ndata: {"a":\ndata: 1}\n\n') == [Event("call", '{"a":\n1}', "7-42")]


def test_the_last_id_holds_until_another_comes() -> None:
    assert read(b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n") == [
        Event("message", "a", "1"),
        Event("message", "b", "1"),
        Event("message", "c", ""),
    ]


def test_comments_unknown_fields_and_events_without_data_are_passed_over() -> None:
    assert read(b": still here\n\nretry: 5\nevent: lost\n\nid: bad\0id\ndata:  kept\n\n") == [
        Event("message", " kept", "")
    ]


def test_a_stream_goes_on_behind_a_cursor() -> None:
    assert [event.cursor for event in EventReader("41").feed(b"data: x\n\n")] == ["41"]


def test_an_event_that_does_not_end_is_none() -> None:
    assert read(b"data: x\n") == []


def test_a_cursor_counts_from_the_end_of_its_event() -> None:
    reader = EventReader("41")
    assert not list(reader.feed(b"id: 42\ndata: x\n"))
    assert reader.cursor == "41"
    assert [event.cursor for event in reader.feed(b"\n")] == ["42"]
    assert not list(reader.feed(b"id: 43\n\n"))
    assert reader.cursor == "43"


@pytest.mark.parametrize("endless", [b"data: " + b"x" * 1000 + b"\n", b"x" * 1000])
def test_an_endless_event_is_refused(endless: bytes) -> None:
    reader = EventReader()
    with pytest.raises(CommandError, match="too large"):
        for _ in range(MAX_EVENT_BYTES // 500):
            assert not list(reader.feed(endless))


@given(
    st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=5),
    LINE_ENDS,
    st.lists(st.integers(min_value=0, max_value=200), max_size=8),
)
def test_whatever_the_pieces_and_the_ends_of_lines(
    said: list[tuple[str, str, str]], end: bytes, cuts: list[int]
) -> None:
    stream = b"".join(
        end.join([b"event: %s" % kind.encode(), b"id: %s" % cursor.encode(), b"data: %s" % data.encode(), b"", b""])
        for kind, cursor, data in said
    )
    places = sorted(min(cut, len(stream)) for cut in cuts)
    pieces = [stream[start:stop] for start, stop in zip([0, *places], [*places, len(stream)], strict=True)]
    # A lone \r at the very end may be half of a \r\n: the next line tells.
    assert read(*pieces, b": more") == [Event(kind or "message", data, cursor) for kind, cursor, data in said]
