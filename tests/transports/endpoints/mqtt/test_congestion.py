from trunkline.transports.endpoints.mqtt.congestion import Congestion


def test_there_is_room_for_some_more() -> None:
    congestion = Congestion(waiting=1_000, room=100, now=0)
    assert congestion.takes(60)
    assert congestion.takes(40)
    assert not congestion.takes(1)


def test_it_is_stuck_since_something_was_last_taken() -> None:
    congestion = Congestion(waiting=1_000, room=100, now=0)
    assert congestion.stuck_ms(1_000, 500) == 500
    assert congestion.stuck_ms(999, 1_000) == 0
    assert congestion.stuck_ms(999, 1_500) == 500
    assert congestion.stuck_ms(1_050, 2_000) == 1_000  # an answer was added, nothing was taken
    assert congestion.stuck_ms(1_049, 2_500) == 0
