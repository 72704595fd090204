from trunkline.transports.endpoints.mqtt.held_acks import HeldAcks


def test_acknowledgements_leave_in_order_once_the_first_may() -> None:
    held = HeldAcks()
    held.add(b"1", request_id=41)
    held.add(b"2")
    held.add(b"3", request_id=42)
    held.add(b"4")
    assert held.stored(42) == []
    assert held.stored(41) == [b"1", b"2", b"3", b"4"]
    assert not held


def test_only_up_to_the_next_that_must_wait() -> None:
    held = HeldAcks()
    held.add(b"1", request_id=41)
    held.add(b"2")
    held.add(b"3", request_id=42)
    assert held.stored(41) == [b"1", b"2"]
    assert held
    assert held.stored(7) == []
    assert held.stored(42) == [b"3"]


def test_a_reply_sent_twice_frees_both() -> None:
    held = HeldAcks()
    held.add(b"1", request_id=41)
    held.add(b"2", request_id=41)
    assert held.stored(41) == [b"1", b"2"]
