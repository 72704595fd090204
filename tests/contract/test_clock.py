import time

from trunkline.contract.clock import monotonic_ms


def test_it_counts_milliseconds_of_the_monotonic_clock() -> None:
    before = time.monotonic() * 1000
    now = monotonic_ms()
    assert before - 1 <= now <= time.monotonic() * 1000
