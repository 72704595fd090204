"""The rules are complete, and what is drawn of them is what they are."""

from trunkline.core.calls.model import Fact, State, Wants
from trunkline.core.calls.rules import ANSWERED, GIVEN_UP, LEFT, MISSING, RULES, SATISFIED


def test_every_state_that_was_given_out_knows_what_every_fact_makes_of_it() -> None:
    assert RULES.keys() == set(State)
    for state, facts in RULES.items():
        expected = {Fact.STORED} if state is State.STORING else set(Fact) - {Fact.STORED, Fact.PUT_BACK}
        assert facts.keys() - {Fact.PUT_BACK} == expected, state


def test_knowledge_is_only_lost_when_it_was_none() -> None:
    knowledge = [
        State.STORING,
        State.QUEUED,
        State.OFFERED,
        State.UNSURE,
        State.SENT,
        State.UNACKNOWLEDGED,
        State.DELIVERED,
    ]
    for state, facts in RULES.items():
        for fact, after in facts.items():
            forgets = knowledge.index(after) < knowledge.index(state)
            allowed = (state, after) in {
                (State.OFFERED, State.QUEUED),  # all said that it was not sent
                (State.UNACKNOWLEDGED, State.SENT),  # somebody has it again
                (State.UNACKNOWLEDGED, State.QUEUED),  # put back when no retry is left
            }
            assert not forgets or allowed, (state, fact)


def test_what_is_over_stays_over() -> None:
    for state in set(State) - {State.STORING}:
        after = RULES[state][Fact.OVER]
        assert RULES[after][Fact.OVER] is after


def test_every_caller_gets_an_answer_in_every_state() -> None:
    assert ANSWERED.keys() == SATISFIED.keys() == GIVEN_UP.keys() == set(Wants)
    for state in set(State) - {State.STORING, State.QUEUED}:
        for wants in Wants:
            assert state in SATISFIED[wants] or wants in MISSING[state], (state, wants)


def test_only_calls_that_nobody_answers_for_are_left_to_the_next_subscription() -> None:
    over = {RULES[state][Fact.OVER] for state in set(State) - {State.STORING}}
    assert over - {State.QUEUED, State.DELIVERED} == LEFT
