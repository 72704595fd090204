import re
from pathlib import Path

import pytest
from doubles.told_calls import WorkersSession, lightweight
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.calls.model import Complete
from trunkline.core.calls.stored import WAITS_FOR
from trunkline.core.journal.timeline import (
    LONGEST_DETAIL,
    TimelineEntry,
    described,
    end_text,
    entries,
    lines,
    one_line,
    read,
)
from trunkline.v1.call_pb2 import Outcome, Step
from trunkline.v1.error_pb2 import Cause, ErrorReason

details = st.text(max_size=300).map(one_line)
steps = st.builds(TimelineEntry, st.integers(0, 1 << 50), st.sampled_from(Step.values()), details)


@given(st.lists(steps))
def test_a_row_keeps_steps_as_they_are(timeline: list[TimelineEntry]) -> None:
    assert read(lines(timeline)) == timeline


def test_a_rows_lines() -> None:
    text = lines([TimelineEntry(1_720_000_000_000, Step.STEP_ACCEPTED), TimelineEntry(5, Step.STEP_WAITING, "a b")])
    assert text == "1720000000000 1 \n5 3 a b\n"
    assert read("") == []


@given(st.text(max_size=1_000))
def test_a_detail_is_one_short_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= LONGEST_DETAIL and "\n" not in line and "\x00" not in line
    assert line == one_line(line)


@pytest.mark.parametrize(
    ("session", "detail", "text"),
    [
        (None, "", ""),
        (None, "a\nb\x00c", "a b c"),
        ("a", "", "a"),
        (WorkersSession(), "", "mqtt-1, session 7"),
        (WorkersSession(), "no\nway", "mqtt-1, session 7: no way"),
    ],
)
def test_what_is_said_of_a_session(session: object, detail: str, text: str) -> None:
    assert described(session, detail) == text


def test_notes_are_described_when_they_are_read() -> None:
    notes: list[tuple[int, Step.ValueType, object]] = [
        (1_999_999, Step.STEP_ACCEPTED, ""),
        (2_000_000, Step.STEP_ROUTED, WorkersSession()),
        (3_000_000, Step.STEP_HUNG_UP, None),
    ]
    assert entries(notes) == [
        TimelineEntry(1, Step.STEP_ACCEPTED),
        TimelineEntry(2, Step.STEP_ROUTED, "mqtt-1, session 7"),
        TimelineEntry(3, Step.STEP_HUNG_UP),
    ]


def test_what_is_said_of_an_end() -> None:
    call = lightweight()
    assert end_text(Complete(call, Outcome.OUTCOME_SUCCEEDED, b"1")) == "SUCCEEDED"
    expired = ErrorReason.ERROR_REASON_CALL_EXPIRED
    assert end_text(Complete(call, Outcome.OUTCOME_EXPIRED, b"", expired, Cause.CAUSE_NO_REPLY)) == "EXPIRED, NO_REPLY"
    failed = Complete(call, Outcome.OUTCOME_FAILED, b"", expired, Cause.CAUSE_NO_REPLY, "bad\nluck")
    assert end_text(failed) == "FAILED, NO_REPLY, bad luck"
    reason, cause = ErrorReason.ERROR_REASON_CALL_CANCELLED, Cause.CAUSE_CANCELLED
    cancelled = Complete(call, Outcome.OUTCOME_CANCELLED, b"", reason, cause, "too late")
    assert end_text(cancelled) == "CANCELLED, too late"


def test_the_page_for_people_has_every_step() -> None:
    page = (Path(__file__).parents[3] / "docs" / "explain.md").read_text()
    table = page.partition("## Steps of a timeline")[2]
    names = [name.removeprefix("STEP_") for name in Step.keys() if name != "STEP_UNSPECIFIED"]
    assert re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE) == names
    assert all(f"`{what_for}`" in table for what_for in WAITS_FOR.values())
