from trunkline.transports.endpoints.mqtt.packets import V3_1_1, V5, Subscribe, Unsubscribe
from trunkline.transports.endpoints.mqtt.subscriptions import Granted, Subscriptions, refuse_all
from trunkline.transports.endpoints.mqtt.topics import FILTERS

CALLS = "v1/devices/me/rpc/request/+"
SHORT_CALLS = "v2/r/req/+"
RESPONSES = "v1/devices/me/rpc/response/+"
ATTRIBUTES = "v1/devices/me/attributes"


def apply(subscriptions: Subscriptions, *filters: tuple[str, int], level: int = V5) -> bytes:
    subscriptions.wait(b"suback", subscriptions.grant(Subscribe(1, filters), level))
    return subscriptions.applied()


def test_each_filter_is_granted_or_refused_by_itself() -> None:
    subscriptions = Subscriptions()
    filters = ((CALLS, 2), ("foo", 1), (ATTRIBUTES, 0))
    granted = subscriptions.grant(Subscribe(1, filters), V5)
    assert granted.codes == b"\x01\x8f\x00"
    assert granted.why == "No filter for a device: foo"
    assert (granted.calls_to, granted.calls_qos, granted.attributes) == (b"v1/devices/me/rpc/request/", 1, True)
    assert Subscriptions().grant(Subscribe(1, filters), V3_1_1).codes == b"\x01\x80\x00"


def test_only_calls_and_attributes_concern_the_core() -> None:
    granted = Subscriptions().grant(Subscribe(1, ((RESPONSES, 1),)), V5)
    assert (granted.calls_to, granted.attributes, granted.why) == (b"", False, "")


def test_calls_go_where_the_last_applied_subscription_says() -> None:
    subscriptions = Subscriptions()
    subscriptions.wait(b"first", subscriptions.grant(Subscribe(1, ((CALLS, 1),)), V5))
    assert (subscriptions.calls_to, subscriptions.calls_qos) == (None, 0)
    subscriptions.wait(b"second", subscriptions.grant(Subscribe(2, ((SHORT_CALLS, 0),)), V5))
    assert subscriptions.pending == 2
    assert subscriptions.applied() == b"first"
    assert (subscriptions.calls_to, subscriptions.calls_qos) == (b"v1/devices/me/rpc/request/", 1)
    assert subscriptions.applied() == b"second"
    assert (subscriptions.calls_to, subscriptions.calls_qos) == (b"v2/r/req/", 0)
    assert subscriptions.applied() == b""


def test_dropping_one_filter_for_calls_ends_calls() -> None:
    subscriptions = Subscriptions()
    apply(subscriptions, (CALLS, 1))
    apply(subscriptions, (SHORT_CALLS, 1))
    dropped = subscriptions.drop(Unsubscribe(3, (CALLS, CALLS, "foo")))
    assert dropped.codes == b"\x00\x11\x11"
    assert (dropped.calls, dropped.attributes, subscriptions.calls_to) == (True, False, None)


def test_a_dropped_subscription_does_not_come_back_when_it_is_applied_late() -> None:
    subscriptions = Subscriptions()
    subscriptions.wait(b"suback", subscriptions.grant(Subscribe(1, ((CALLS, 1),)), V5))
    subscriptions.drop(Unsubscribe(2, (CALLS,)))
    assert subscriptions.applied() == b"suback"
    assert subscriptions.calls_to is None


def test_an_answer_has_the_qos_of_its_subscription_and_1_without() -> None:
    subscriptions = Subscriptions()
    bit = FILTERS[RESPONSES].bit
    assert subscriptions.qos_of(bit) == 1
    subscriptions.grant(Subscribe(1, ((RESPONSES, 0),)), V5)
    assert subscriptions.qos_of(bit) == 0
    subscriptions.grant(Subscribe(1, ((RESPONSES, 1),)), V5)
    assert subscriptions.qos_of(bit) == 1
    subscriptions.drop(Unsubscribe(2, (RESPONSES,)))
    assert subscriptions.qos_of(bit) == 1


def test_a_profile_may_name_a_filter_for_attributes() -> None:
    subscriptions = Subscriptions()
    name = "plant/7/attributes"
    assert subscriptions.grant(Subscribe(1, ((name, 1),)), V5).codes == b"\x8f"
    granted = subscriptions.grant(Subscribe(1, ((name, 2), (CALLS, 0))), V5, "plant/+/attributes")
    assert (granted.codes, granted.attributes, granted.calls_qos) == (b"\x01\x00", True, 0)
    dropped = subscriptions.drop(Unsubscribe(2, (name,)), "plant/+/attributes")
    assert (dropped.codes, dropped.attributes, dropped.calls) == (b"\x00", True, False)


def test_a_wide_filter_of_a_profile_takes_no_calls_away() -> None:
    granted = Subscriptions().grant(Subscribe(1, ((CALLS, 1),)), V5, "#")
    assert (granted.calls_to, granted.attributes) == (b"v1/devices/me/rpc/request/", False)


def test_a_thousand_filters_at_once_are_all_answered() -> None:
    subscriptions = Subscriptions()
    granted = subscriptions.grant(Subscribe(1, (*((f"topic/{n}", 1) for n in range(999)), (CALLS, 1))), V3_1_1)
    assert granted.codes == b"\x80" * 999 + b"\x01"
    assert (granted.calls_to, subscriptions.pending) == (b"v1/devices/me/rpc/request/", 0)


def test_all_may_be_refused_for_now() -> None:
    packet = Subscribe(1, ((CALLS, 1), ("foo", 0)))
    assert refuse_all(packet, V5, "why").codes == b"\x97\x97"
    assert refuse_all(packet, V3_1_1, "why") == Granted(b"\x80\x80", "why")
