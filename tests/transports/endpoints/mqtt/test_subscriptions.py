from trunkline.transports.endpoints.mqtt.packets import V3_1_1, V5, Subscribe, Unsubscribe, suback, unsuback
from trunkline.transports.endpoints.mqtt.subscriptions import Subscriptions
from trunkline.transports.endpoints.mqtt.topics import FILTERS

CALLS = "v1/devices/me/rpc/request/+"
SHORT_CALLS = "v2/r/req/+"
RESPONSES = "v1/devices/me/rpc/response/+"
ATTRIBUTES = "v1/devices/me/attributes"


def apply(subscriptions: Subscriptions, *filters: tuple[str, int], level: int = V5) -> bytes:
    granted = subscriptions.grant(Subscribe(1, filters), level)
    subscriptions.wait(granted)
    return subscriptions.applied()


def test_each_filter_is_granted_or_refused_by_itself() -> None:
    subscriptions = Subscriptions()
    filters = ((CALLS, 2), ("foo", 1), (ATTRIBUTES, 0))
    granted = subscriptions.grant(Subscribe(1, filters), V5)
    assert granted.suback == suback(V5, 1, b"\x01\x8f\x00")
    assert (granted.refused, granted.calls_to, granted.calls_qos) == (1, b"v1/devices/me/rpc/request/", 1)
    assert granted.attributes
    assert Subscriptions().grant(Subscribe(1, filters), V3_1_1).suback == suback(V3_1_1, 1, b"\x01\x80\x00")


def test_only_calls_and_attributes_concern_the_core() -> None:
    granted = Subscriptions().grant(Subscribe(1, ((RESPONSES, 1),)), V5)
    assert (granted.calls_to, granted.attributes) == (None, False)


def test_calls_go_where_the_last_applied_subscription_says() -> None:
    subscriptions = Subscriptions()
    first = subscriptions.grant(Subscribe(1, ((CALLS, 1),)), V5)
    subscriptions.wait(first)
    assert (subscriptions.calls_to, subscriptions.calls_qos) == (None, 0)
    second = subscriptions.grant(Subscribe(2, ((SHORT_CALLS, 0),)), V5)
    subscriptions.wait(second)
    assert subscriptions.applied() == first.suback
    assert (subscriptions.calls_to, subscriptions.calls_qos) == (b"v1/devices/me/rpc/request/", 1)
    assert subscriptions.applied() == second.suback
    assert (subscriptions.calls_to, subscriptions.calls_qos) == (b"v2/r/req/", 0)
    assert subscriptions.applied() == b""


def test_dropping_one_filter_for_calls_ends_calls() -> None:
    subscriptions = Subscriptions()
    apply(subscriptions, (CALLS, 1))
    apply(subscriptions, (SHORT_CALLS, 1))
    dropped = subscriptions.drop(Unsubscribe(3, (CALLS, CALLS, "foo")), V5)
    assert dropped.unsuback == unsuback(V5, 3, b"\x00\x11\x11")
    assert (dropped.calls, dropped.attributes, subscriptions.calls_to) == (True, False, None)


def test_a_dropped_subscription_does_not_come_back_when_it_is_applied_late() -> None:
    subscriptions = Subscriptions()
    granted = subscriptions.grant(Subscribe(1, ((CALLS, 1),)), V5)
    subscriptions.wait(granted)
    subscriptions.drop(Unsubscribe(2, (CALLS,)), V5)
    assert subscriptions.applied() == granted.suback
    assert subscriptions.calls_to is None


def test_an_answer_has_the_qos_of_its_subscription_and_1_without() -> None:
    subscriptions = Subscriptions()
    bit = FILTERS[RESPONSES].bit
    assert subscriptions.qos_of(bit) == 1
    subscriptions.grant(Subscribe(1, ((RESPONSES, 0),)), V5)
    assert subscriptions.qos_of(bit) == 0
    subscriptions.grant(Subscribe(1, ((RESPONSES, 1),)), V5)
    assert subscriptions.qos_of(bit) == 1
    subscriptions.drop(Unsubscribe(2, (RESPONSES,)), V5)
    assert subscriptions.qos_of(bit) == 1
