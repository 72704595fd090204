"""Refused sessions are remembered until nothing more comes for them, and never too many."""

from trunkline.core.links.refusals import REMEMBERED, Refusals


def test_a_refusal_is_remembered_until_the_session_is_gone() -> None:
    refusals = Refusals()
    refusals.add(1)
    refusals.add(1)
    assert 1 in refusals
    assert 2 not in refusals
    refusals.discard(1)
    refusals.discard(1)
    assert 1 not in refusals


def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    refusals = Refusals()
    for handle in range(REMEMBERED + 1):
        refusals.add(handle)
    assert [handle in refusals for handle in (0, 1, REMEMBERED)] == [False, True, True]
