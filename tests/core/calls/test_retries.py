"""The wait before each retry."""

from trunkline.core.calls.retries import MAX_BACKOFF_MS, backoff_ms


def test_it_doubles_up_to_a_minute() -> None:
    assert [backoff_ms(1000, timeouts) for timeouts in range(1, 9)] == [
        1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000,
    ]  # fmt: skip  # a row of numbers
    assert backoff_ms(1, 10_000) == MAX_BACKOFF_MS
    assert backoff_ms(0, 5) == 0
