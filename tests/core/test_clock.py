import time

from trunkline.core.clock import unix_ms


def test_wall_time_in_milliseconds() -> None:
    before = time.time() * 1000 - 1
    assert before <= unix_ms() <= time.time() * 1000 + 1
