import pytest
from doubles.mqtt_bench import CALLS, MqttBench

from trunkline.contract.streams.frames import MqttProfile, Subscribe, TransportProfile, Unsubscribe
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.fields import Properties, PropertyId
from trunkline.transports.endpoints.mqtt.packets import V3_1_1, V5
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.session import Stage


def connected(level: int = V5, values: Properties | None = None, **settings: int | str) -> MqttBench:
    bench = MqttBench(level, **settings)
    bench.connect(values=values or {})
    return bench


def suback(bench: MqttBench) -> tuple[int, bytes]:
    """The packet id and the codes of the one packet that was written, a SUBACK or UNSUBACK."""
    ((first, body),) = bench.line.take()
    assert first >> 4 in (packets.SUBACK, packets.UNSUBACK)
    return packets.decode_suback(body, bench.level)


def test_a_refusal_says_which_filter_it_is_about() -> None:
    bench = connected()
    bench.session.receive(packets.subscribe(V5, 5, (("v1/devices/me/rpc/request/#", 1),)))
    assert b"No filter for a device: v1/devices/me/rpc/request/#" in bench.line.written
    assert suback(bench) == (5, b"\x8f")
    assert bench.link.rejections == {"topic_filter": 1}


def test_a_client_may_want_no_reasons() -> None:
    bench = connected(values={PropertyId.REQUEST_PROBLEM_INFO: 0})
    bench.session.receive(packets.subscribe(V5, 5, (("#", 1),)))
    assert bench.line.written == packets.suback(V5, 5, b"\x8f")


@pytest.mark.parametrize("level", [V3_1_1, V5])
def test_a_thousand_filters_are_answered_one_by_one(level: int) -> None:
    bench = connected(level)
    bench.session.receive(packets.subscribe(level, 5, (*((f"topic/{n}", 1) for n in range(999)), (CALLS, 1))))
    assert [type(frame) for frame in bench.link.take()] == [Subscribe]
    bench.session.subscribed()
    refused = b"\x8f" if level == V5 else b"\x80"
    assert suback(bench) == (5, refused * 999 + b"\x01")
    assert bench.deliver(1)


def test_a_thousand_subscriptions_before_the_core_answers_are_too_many() -> None:
    bench = connected(max_queued_packets=100)
    for number in range(1, 1_001):
        bench.session.receive(packets.subscribe(V5, number, ((CALLS, 1),)))
    assert len(bench.link.take()) == 100
    refused = [packets.decode_suback(body, V5) for _, body in bench.line.take()]
    assert refused == [(number, b"\x97") for number in range(101, 1_001)]
    bench.session.subscribed()
    assert suback(bench) == (1, b"\x01")
    bench.session.receive(packets.subscribe(V5, 1_001, ((CALLS, 1),)))
    assert len(bench.link.take()) == 1


@pytest.mark.parametrize(("level", "code"), [(V3_1_1, b"\x80"), (V5, b"\x97")])
def test_a_subscription_beyond_the_rate_limit_is_refused(level: int, code: bytes) -> None:
    bench = connected(level, rate_limit_messages="2:600")  # CONNECT is one
    bench.session.receive(packets.subscribe(level, 1, ((CALLS, 1),)))
    bench.session.receive(packets.subscribe(level, 2, ((CALLS, 1),)))
    assert len(bench.link.take()) == 1
    assert suback(bench) == (2, code)
    assert bench.session.stage is Stage.OPEN
    assert bench.link.rejections == {"rate_limit": 1}


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
def test_an_answer_that_the_client_does_not_take_ends_the_connection(kind: str) -> None:
    bench = connected(values={PropertyId.MAXIMUM_PACKET_SIZE: 100})
    names = [f"t/{n}" for n in range(200)]
    if kind == "subscribe":
        bench.session.receive(packets.subscribe(V5, 5, tuple((name, 1) for name in names)))
    else:
        bench.session.receive(packets.unsubscribe(V5, 5, tuple(names)))
    ((_, code, why),) = bench.said()
    assert (code, "Maximum Packet Size" in why) == (ReasonCode.PACKET_TOO_LARGE, True)
    assert not bench.line.open


def test_the_devices_profile_may_name_a_filter_for_attributes() -> None:
    bench = connected()
    bench.link.profiles[b"p" * 16] = TransportProfile(
        b"p" * 16, 1, mqtt=MqttProfile(attributes_subscribe_topic="plant/7/attributes")
    )
    bench.session.receive(packets.subscribe(V5, 5, (("plant/7/attributes", 1),)))
    assert [(frame.rpc, frame.attributes) for frame in bench.link.take() if isinstance(frame, Subscribe)] == [
        (False, True)
    ]
    bench.session.subscribed()
    assert suback(bench) == (5, b"\x01")
    bench.session.receive(packets.unsubscribe(V5, 6, ("plant/7/attributes",)))
    assert bench.link.take() == [Unsubscribe(1, False, True)]
    assert suback(bench) == (6, b"\x00")
