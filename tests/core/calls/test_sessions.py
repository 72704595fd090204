"""Sessions: what their words mean, which of them are closed, and how a device can be reached."""

import pytest

from trunkline.core.calls.deliveries import Delivery, Told
from trunkline.core.calls.model import Fact
from trunkline.core.calls.sessions import Session, Sessions
from trunkline.v1.error_pb2 import Cause
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, SessionKind

ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS
IMPLIED = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
EXPLICIT = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT


def session_with(**deliveries: Delivery) -> Session:
    """A session whose deliveries are given as n1=…, n2=…"""
    session = Session("s", 1, ASYNCHRONOUS, 16)
    session.deliveries = {int(name[1:]): delivery for name, delivery in deliveries.items()}
    return session


def test_what_is_given_is_acknowledged_as_the_subscription_said() -> None:
    session = Session("s", 1, ASYNCHRONOUS, 16)
    offered = []
    for acknowledgement in (EXPLICIT, IMPLIED):
        session.subscribe(acknowledgement)
        offered.append(session.offers_as)
    assert offered == [Delivery.EXPLICIT, Delivery.IMPLIED]


def test_an_ack_is_told_once() -> None:
    session = session_with(n1=Delivery.IMPLIED, n2=Delivery.EXPLICIT)
    assert session.written(1) == Told(Fact.DELIVERED, True)
    assert session.written(2) == Told(Fact.WRITTEN, False)
    assert session.written(1) is None
    assert session.written(2) is None
    assert session.deliveries == {2: Delivery.WRITTEN}


def test_only_what_is_not_acknowledged_can_have_gone_astray() -> None:
    session = session_with(n1=Delivery.EXPLICIT, n2=Delivery.WRITTEN)
    assert session.not_written(1) == Told(Fact.NOT_SENT, True)
    assert session.not_written(2) is None
    assert session.not_written(3) is None


def test_a_slot_is_held_until_a_late_acknowledgement() -> None:
    session = session_with(n1=Delivery.WRITTEN)
    assert session.reported(1, DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED) == Told(Fact.NOT_ACKNOWLEDGED, True)
    assert session.reported(1, DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED) == Told(Fact.NOT_ACKNOWLEDGED, False)
    assert 1 in session.deliveries
    assert session.reported(1, DeliveryState.DELIVERY_STATE_DELIVERED) == Told(Fact.DELIVERED, False)
    assert session.deliveries == {}
    assert session.reported(1, DeliveryState.DELIVERY_STATE_DELIVERED) is None


@pytest.mark.parametrize("lost", [False, True])
def test_the_end_tells_what_can_be_told(lost: bool) -> None:
    session = session_with(n1=Delivery.IMPLIED, n2=Delivery.WRITTEN, n3=Delivery.UNACKNOWLEDGED)
    told = dict(session.close(lost))
    assert told.pop(2) == Told(Fact.NOT_ACKNOWLEDGED, True)
    assert told == ({1: Told(Fact.LOST, True)} if lost else {})
    assert session.deliveries == {1: Delivery.LOST_IMPLIED if lost else Delivery.IMPLIED}


def test_a_resumption_names_what_is_open() -> None:
    session = session_with(
        n1=Delivery.WRITTEN, n2=Delivery.EXPLICIT, n3=Delivery.LOST_EXPLICIT, n4=Delivery.LOST_EXPLICIT
    )
    assert session.resume((1, 2, 3, 5)) == [(2, True), (3, False), (5, False)]
    assert session.deliveries == dict.fromkeys((1, 2, 3, 5), Delivery.WRITTEN)


def three_sessions() -> Sessions:
    sessions = Sessions()
    for epoch in (3, 1, 2):
        sessions.current[f"s{epoch}"] = Session(f"s{epoch}", epoch, ASYNCHRONOUS, 1)
    return sessions


def test_the_lowest_epochs_go_first() -> None:
    sessions = three_sessions()
    assert [one.key for one in sessions.beyond(1)] == ["s1", "s2"]
    sessions.current["s1"].replaced = True
    assert [one.key for one in sessions.beyond(1)] == ["s2"]
    assert sessions.beyond(2) == []


def test_polls_and_one_shots_do_not_count() -> None:
    sessions = Sessions()
    for epoch, kind in enumerate(
        [SessionKind.SESSION_KIND_SYNCHRONOUS, SessionKind.SESSION_KIND_ONE_SHOT, ASYNCHRONOUS]
    ):
        sessions.current[epoch] = Session(epoch, epoch, kind, 1)
    assert sessions.beyond(1) == []


def test_a_second_end_means_that_the_worker_is_lost() -> None:
    sessions = three_sessions()
    sessions.current["s1"].deliveries[1] = Delivery.IMPLIED
    first = sessions.end("s1")
    assert first is not None and first[1] is False
    second = sessions.end("s1")
    assert second == (first[0], True)
    assert sessions.end("unheard of") is None


def test_a_suspended_session_that_ends_takes_its_worker_along() -> None:
    sessions = three_sessions()
    sessions.current["s1"].suspended = True
    ended = sessions.end("s1")
    assert ended is not None and ended[1] is True


def test_an_ended_session_is_kept_while_it_can_tell_of_a_living_call() -> None:
    sessions = three_sessions()
    sessions.current["s1"].deliveries[1] = Delivery.IMPLIED
    ended = sessions.end("s1")
    assert ended is not None
    ended[0].close(lost=False)
    sessions.drop_if_done(ended[0])
    assert sessions.find("s1") is ended[0]
    assert sessions.with_unacked(1) == [ended[0]]
    sessions.forget_call(1)
    assert sessions.find("s1") is None


def test_why_a_device_was_not_reached() -> None:
    sessions = Sessions()
    assert sessions.unavailability == Cause.CAUSE_DEVICE_OFFLINE
    session = sessions.current["s"] = Session("s", 1, ASYNCHRONOUS, 1)
    assert (sessions.unavailability, sessions.reachable) == (Cause.CAUSE_DEVICE_NOT_SUBSCRIBED, False)
    session.subscribe(IMPLIED)
    assert (sessions.unavailability, sessions.reachable) == (Cause.CAUSE_DEVICE_BUSY, True)
    session.suspended = True
    assert (sessions.unavailability, sessions.reachable) == (Cause.CAUSE_DEVICE_OFFLINE, True)
    session.replaced = True
    assert not sessions.reachable


def test_what_was_sent_again_holds_two_slots_until_both_are_done_with() -> None:
    session = Session("s", 1, ASYNCHRONOUS, 3)
    session.deliveries = {1: Delivery.UNACKNOWLEDGED}
    assert session.lacks(1) and session.lacks(2)
    session.make_stale(1)
    session.deliveries[1] = Delivery.WRITTEN
    assert not session.lacks(1)
    assert session.slots == 2
    assert session.reported(1, DeliveryState.DELIVERY_STATE_DELIVERED) == Told(Fact.DELIVERED, True)
    assert (session.slots, session.deliveries) == (3, {1: Delivery.UNACKNOWLEDGED})
    assert session.reported(1, DeliveryState.DELIVERY_STATE_DELIVERED) == Told(Fact.DELIVERED, False)
    assert (session.slots, session.deliveries) == (3, {})


def test_an_older_packet_outlives_one_that_was_not_sent() -> None:
    session = Session("s", 1, ASYNCHRONOUS, 2)
    session.make_stale(1)
    session.deliveries = {1: Delivery.EXPLICIT}
    assert session.not_written(1) == Told(Fact.NOT_SENT, True)
    assert (session.slots, session.deliveries) == (2, {1: Delivery.UNACKNOWLEDGED})


def test_the_end_of_a_session_frees_older_packets_too() -> None:
    session = Session("s", 1, ASYNCHRONOUS, 2)
    session.make_stale(1)
    session.deliveries = {1: Delivery.WRITTEN}
    assert session.close(lost=False) == [(1, Told(Fact.NOT_ACKNOWLEDGED, True))]
    assert (session.slots, session.stale) == (2, [])


def test_a_resumption_keeps_the_older_packets_it_names() -> None:
    session = Session("s", 1, ASYNCHRONOUS, 4)
    session.deliveries = {1: Delivery.WRITTEN, 2: Delivery.WRITTEN}
    session.make_stale(1)
    session.make_stale(2)
    session.describe(1, ASYNCHRONOUS, 4)
    session.resume((1,))
    assert (session.slots, session.stale) == (3, [1])


def test_a_resumption_names_a_call_for_each_of_its_packets() -> None:
    session = Session("s", 1, ASYNCHRONOUS, 3)
    for again in (False, True):  # to a core that knows nothing of it, and to the same core
        assert session.resume((1, 1, 2)) == ([] if again else [(1, False), (2, False)])
        assert (session.slots - len(session.deliveries), session.stale) == (0, [1])
    for left in ({1: Delivery.UNACKNOWLEDGED, 2: Delivery.WRITTEN}, {2: Delivery.WRITTEN}):
        session.reported(1, DeliveryState.DELIVERY_STATE_DELIVERED)
        assert (session.deliveries, session.stale) == (left, [])
    assert session.slots == 3
