"""How long a peer may be silent."""

from trunkline.contract.streams.end import HEARTBEAT_MS, nothing, silence_ms


def test_three_heartbeats_missed_are_too_many() -> None:
    assert silence_ms(1024) == 3 * HEARTBEAT_MS == 6_000
    assert silence_ms(1024, heartbeat_ms=100) == 300


def test_a_peer_gets_the_time_that_its_largest_frame_may_take() -> None:
    assert silence_ms(17 * 1024 * 1024) == 34_000


def test_nobody_is_woken_without_a_connection() -> None:
    nothing()
