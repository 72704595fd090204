"""The rules are complete, and what is drawn of them is what they are."""

from trunkline.core.calls.model import Fact, State, Wants
from trunkline.core.calls.rules import ANSWERED, GIVEN_UP, LEFT, MISSING, RULES, SATISFIED


def test_every_state_that_was_given_out_knows_what_every_fact_makes_of_it() -> None:
    assert RULES.keys() == set(State)
    for state, facts in RULES.items():
        expected = {Fact.OFFER, Fact.OVER} if state is State.QUEUED else set(Fact)
        assert facts.keys() == expected, state


def test_knowledge_is_only_lost_when_it_was_none() -> None:
    knowledge = [State.QUEUED, State.OFFERED, State.UNSURE, State.SENT, State.UNACKNOWLEDGED, State.DELIVERED]
    for state, facts in RULES.items():
        for fact, after in facts.items():
            forgets = knowledge.index(after) < knowledge.index(state)
            allowed = (state, after) in {
                (State.OFFERED, State.QUEUED),  # all said that it was not sent
                (State.UNACKNOWLEDGED, State.SENT),  # somebody has it again
            }
            assert not forgets or allowed, (state, fact)


def test_what_is_over_stays_over() -> None:
    for facts in RULES.values():
        after = facts[Fact.OVER]
        assert RULES[after][Fact.OVER] is after


def test_every_caller_gets_an_answer_in_every_state() -> None:
    assert ANSWERED.keys() == SATISFIED.keys() == GIVEN_UP.keys() == set(Wants)
    for state in set(State) - {State.QUEUED}:
        for wants in Wants:
            assert state in SATISFIED[wants] or wants in MISSING[state], (state, wants)


def test_only_calls_that_nobody_answers_for_are_left_to_the_next_subscription() -> None:
    assert {RULES[state][Fact.OVER] for state in RULES} - {State.QUEUED, State.DELIVERED} == LEFT
