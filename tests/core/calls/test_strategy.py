"""What each strategy lets through."""

import pytest
from doubles.waiting_calls import stored_call

from trunkline.core.calls.model import State, Strategy
from trunkline.core.calls.strategy import HOLDS, Holders


def test_every_strategy_says_it_of_every_state() -> None:
    assert HOLDS.keys() == set(Strategy)
    assert not HOLDS[Strategy.BURST]
    assert HOLDS[Strategy.ON_RESPONSE] - HOLDS[Strategy.ON_ACK] == {State.DELIVERED}
    assert State.STORING not in HOLDS[Strategy.ON_RESPONSE], "a call that may never be stored holds nobody"


@pytest.mark.parametrize(
    ("strategy", "state", "holds"),
    [
        (Strategy.BURST, State.QUEUED, False),
        (Strategy.ON_ACK, State.SENT, True),
        (Strategy.ON_ACK, State.DELIVERED, False),
        (Strategy.ON_RESPONSE, State.DELIVERED, True),
    ],
)
def test_only_those_behind_are_held(strategy: Strategy, state: State, holds: bool) -> None:
    holders = Holders()
    call = stored_call(2, strategy=strategy, state=state)
    holders.note(call)
    assert holders.first is (call if holds else None)
    assert holders.hold(stored_call(3)) == holds
    assert not holders.hold(call)
    assert not holders.hold(stored_call(1, strategy=Strategy.ON_RESPONSE))


def test_the_next_one_holds_when_the_first_ceased_to() -> None:
    holders = Holders()
    calls = [stored_call(ordinal, strategy=Strategy.ON_ACK) for ordinal in (1, 2, 3)]
    for call in reversed(calls):
        holders.note(call)
    calls[0].state = State.DELIVERED
    holders.note(calls[0])
    assert holders.first is calls[1]
    holders.discard(calls[1])
    assert holders.first is calls[2]
    holders.discard(calls[2])
    assert holders.first is None
