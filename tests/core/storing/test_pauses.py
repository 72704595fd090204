from trunkline.core.storing.pauses import FIRST_S, LONGEST_S, Pauses


def test_pauses_grow_until_an_attempt_succeeds() -> None:
    pauses = Pauses()
    lengths = [pauses.next_s() for _ in range(10)]
    assert lengths[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S] and lengths[-1] == LONGEST_S
    pauses.reset()
    assert pauses.next_s() == FIRST_S
