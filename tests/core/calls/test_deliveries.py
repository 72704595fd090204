"""What acks and losses make of a delivery."""

from trunkline.core.calls.deliveries import ACKED, ACKED_AFTER_END, LOST, OPEN, UNACKED, Delivery
from trunkline.core.calls.model import Fact


def test_an_ack_says_something_of_every_delivery_that_had_none() -> None:
    assert ACKED.keys() == ACKED_AFTER_END.keys() == UNACKED | set(LOST.values())
    assert set(Delivery) - ACKED.keys() == {Delivery.WRITTEN, Delivery.UNACKNOWLEDGED}


def test_only_open_deliveries_are_closed_by_it() -> None:
    for acked in (ACKED, ACKED_AFTER_END):
        for delivery, told in acked.items():
            assert not told.closes or delivery in OPEN, delivery


def test_nobody_is_left_to_report_once_the_session_is_over() -> None:
    assert ACKED[Delivery.EXPLICIT].fact is Fact.WRITTEN
    assert Fact.WRITTEN not in {told.fact for told in ACKED_AFTER_END.values()}
