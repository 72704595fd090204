from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.streams.peer_clock import WINDOW_MS, PeerClock


def test_the_first_batch_is_on_time() -> None:
    assert PeerClock().excess(clock_ms=5_000_000, now=17) == 0


def test_what_came_later_than_the_fastest_is_too_late_by_the_difference() -> None:
    clock = PeerClock()
    assert clock.excess(1_000, 51_000) == 0
    assert clock.excess(2_000, 52_300) == 300
    assert clock.excess(3_000, 52_990) == 0, "faster than any before"
    assert clock.excess(4_000, 54_000) == 10


def test_a_difference_is_believed_for_ten_minutes() -> None:
    clock = PeerClock()
    clock.excess(0, 100)
    drifted = 105
    for minute in range(1, 10):
        assert clock.excess(minute * 60_000, minute * 60_000 + drifted) == 5
    later = WINDOW_MS + 120_000
    assert clock.excess(later, later + drifted) == 0


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 5_000)), min_size=1, max_size=100))
def test_it_is_the_distance_to_the_smallest_of_the_window(batches: list[tuple[int, int]]) -> None:
    clock = PeerClock()
    sent = 0
    seen: list[tuple[int, int]] = []
    for pause, delay in batches:
        sent += pause
        now = sent + delay
        if seen and now < seen[-1][0]:
            continue  # a monotonic clock does not go back
        seen.append((now, delay))
        excess = clock.excess(sent, now)
        assert 0 <= excess <= delay
        recent = min(delay for at, delay in seen if at > now - WINDOW_MS)
        lasting = min(delay for at, delay in seen if at > now - WINDOW_MS - 120_000)
        assert delay - recent <= excess <= delay - lasting
