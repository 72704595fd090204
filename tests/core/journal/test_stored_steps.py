from typing import Any

from doubles.stored_calls import stored_call
from doubles.told_calls import LAMP, TENANT
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.calls.model import Call, Complete
from trunkline.core.journal.stored_steps import note, take, unsaved
from trunkline.core.journal.timeline import MAX_STEPS, TimelineEntry, read
from trunkline.v1.call_pb2 import Outcome, Step

ACCEPTED, STORED, WAITING, SENT = Step.STEP_ACCEPTED, Step.STEP_STORED, Step.STEP_WAITING, Step.STEP_SENT
TAKEN_UP = Step.STEP_TAKEN_UP


def call(**values: Any) -> Call:
    return stored_call(tenant_id=TENANT, device_id=LAMP, **values)


def accepted() -> Call:
    one = call()
    one.steps = [(1_000_000, ACCEPTED, "")]
    return one


def end(one: Call, outcome: Outcome.ValueType = Outcome.OUTCOME_SUCCEEDED) -> None:
    assert one.keeping is not None
    one.keeping.end = Complete(one, outcome)


def test_the_first_lines_say_that_it_is_stored() -> None:
    one = accepted()
    assert read(take(one, 2)) == [TimelineEntry(1, ACCEPTED), TimelineEntry(2, STORED)]
    assert one.steps is None and not unsaved(one)
    note(one, 3_000_000, SENT, "a")
    assert read(take(one, 4)) == [TimelineEntry(3, SENT, "a")]
    assert take(one, 5) == ""


def test_waiting_costs_a_call_no_steps() -> None:
    one = call(taken_up=True)
    note(one, 5_000_000, WAITING, "device offline")
    assert one.steps is None
    assert unsaved(one) == [TimelineEntry(5, WAITING, "device offline")]
    note(one, 6_000_000, WAITING, "no free slot")
    note(one, 7_000_000, SENT, "a")
    waited = [TimelineEntry(5, WAITING, "device offline"), TimelineEntry(6, WAITING, "no free slot")]
    assert unsaved(one) == [*waited, TimelineEntry(7, SENT, "a")]
    assert read(take(one, 8)) == [*waited, TimelineEntry(7, SENT, "a")]


def test_being_taken_up_costs_a_call_no_steps_either() -> None:
    one = call(taken_up=True)
    note(one, 5_000_000, TAKEN_UP, "")
    assert unsaved(one) == [TimelineEntry(5, TAKEN_UP)]
    note(one, 5_100_000, WAITING, "device offline")
    assert one.steps is None
    begun = [TimelineEntry(5, TAKEN_UP), TimelineEntry(5, WAITING, "device offline")]
    assert unsaved(one) == begun
    note(one, 6_000_000, WAITING, "no free slot")
    assert unsaved(one) == [*begun, TimelineEntry(6, WAITING, "no free slot")]
    assert read(take(one, 8)) == [*begun, TimelineEntry(6, WAITING, "no free slot")]


def test_what_comes_after_it_was_taken_up_keeps_its_time() -> None:
    one = call(taken_up=True)
    note(one, 5_000_000, TAKEN_UP, "")
    note(one, 7_000_000, WAITING, "device offline")
    note(one, 8_000_000, SENT, "a")
    waited = TimelineEntry(7, WAITING, "device offline")
    assert read(take(one, 9)) == [TimelineEntry(5, TAKEN_UP), waited, TimelineEntry(8, SENT, "a")]


def test_a_wait_that_nobody_knows_is_a_step_like_others() -> None:
    one = call(taken_up=True)
    note(one, 5_000_000, WAITING, "for better weather")
    assert unsaved(one) == [TimelineEntry(5, WAITING, "for better weather")]


def test_the_end_is_told_once_and_last() -> None:
    one = accepted()
    end(one)
    told = read(take(one, 2))
    assert [entry.step for entry in told] == [ACCEPTED, STORED, Step.STEP_REPLIED, Step.STEP_ENDED]
    assert told[-1].detail == "SUCCEEDED"
    note(one, 3_000_000, SENT, "")
    assert take(one, 4) == ""


def test_an_end_without_a_reply() -> None:
    one = call(taken_up=True)
    end(one, Outcome.OUTCOME_DELIVERED)
    assert read(take(one, 2)) == [TimelineEntry(2, Step.STEP_ENDED, "DELIVERED")]


@given(st.lists(st.booleans(), max_size=3 * MAX_STEPS))
def test_a_timeline_has_a_bound_and_yet_its_end(taken: list[bool]) -> None:
    one = accepted()
    text = ""
    for number, take_now in enumerate(taken):
        note(one, number, SENT, "")
        if take_now:
            text += take(one, number)
    end(one)
    told = read(text + take(one, 1))
    assert len(told) <= MAX_STEPS + 3
    assert [entry.step for entry in told][-2:] == [Step.STEP_REPLIED, Step.STEP_ENDED]
    assert [entry.step for entry in told].count(SENT) >= min(len(taken), MAX_STEPS - 2)
