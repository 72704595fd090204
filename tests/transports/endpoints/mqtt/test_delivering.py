"""How calls go out to a device, and what its acknowledgements say."""

import json

import pytest
from doubles.mqtt_bench import MqttBench, ended_with, opened

from trunkline.contract.streams.frames import DeliveryReport, Reply, TransportProfile
from trunkline.transports.endpoints.mqtt import endings, packets
from trunkline.transports.endpoints.mqtt.congestion import Congestion
from trunkline.transports.endpoints.mqtt.deadline_properties import deadline_properties
from trunkline.transports.endpoints.mqtt.fields import PropertyId
from trunkline.transports.endpoints.mqtt.packets import V3_1, V3_1_1, V5
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.timeouts import overdue
from trunkline.v1.transport_service_pb2 import DeliveryState

LEVELS = [V3_1, V3_1_1, V5]
NOT_ACKNOWLEDGED = DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED
CALL_ID = bytes.fromhex("0123456789abcdef0123456789abcdef")
BODY = b'{"method":"setGpio","params":{"pin":7}}'
TOLD = BODY[:-1] + b',"trunkline":{"callId":"01234567-89ab-cdef-0123-456789abcdef","remainingMs":%d}}'
DELIVERED = DeliveryState.DELIVERY_STATE_DELIVERED


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("qos", [0, 1])
def test_a_call_is_exactly_its_method_and_params(level: int, qos: int) -> None:
    bench = opened(level, qos)
    assert bench.deliver(1_048_577, b'{"pin":7,"value":1.50}')
    (call,) = bench.published()
    assert call.topic == "v1/devices/me/rpc/request/1048577"
    assert call.payload == b'{"method":"setGpio","params":{"pin":7,"value":1.50}}'
    assert (call.qos, call.packet_id) == (qos, qos)


@pytest.mark.parametrize("qos", [0, 1])
def test_devices_of_version_5_are_told_what_is_left_of_a_calls_time(qos: int) -> None:
    bench = opened(V5, qos)
    topic = b"v1/devices/me/rpc/request/41"
    assert bench.deliver(41, timeout_ms=4_321, call_id=CALL_ID)
    assert bench.line.written == packets.publish(V5, topic, BODY, qos, qos, deadline_properties(CALL_ID, 4_321))


@pytest.mark.parametrize("level", LEVELS)
def test_a_profile_may_ask_for_it_in_the_body(level: int) -> None:
    bench = opened(level)
    bench.link.profiles[b"p" * 16] = TransportProfile(b"p" * 16, 2, deadline_in_body=True)
    assert bench.deliver(41, timeout_ms=4_321, call_id=CALL_ID)
    values = packets.NONE_WRITTEN if level != V5 else deadline_properties(CALL_ID, 4_321)
    topic = b"v1/devices/me/rpc/request/41"
    assert bench.line.written == packets.publish(level, topic, TOLD % 4_321, 1, 1, values)
    bench.line.take()
    bench.link.profiles[b"p" * 16] = TransportProfile(b"p" * 16, 3)
    bench.deliver(42, call_id=CALL_ID)
    assert bench.published()[0].payload == BODY


def test_it_is_left_out_where_a_devices_packets_have_no_room() -> None:
    told = set()
    for size in range(70, 300):
        bench = MqttBench(V5)
        bench.connect(values={PropertyId.MAXIMUM_PACKET_SIZE: size})
        bench.link.profiles[b"p" * 16] = TransportProfile(b"p" * 16, 2, deadline_in_body=True)
        bench.subscribe(qos=0)
        if bench.deliver(41, call_id=CALL_ID):
            assert len(bench.line.written) <= size
            (call,) = bench.published()
            assert call.payload in (BODY, TOLD % 60_000)
            told.add((call.payload == BODY, bool(call.properties)))
    assert told == {(True, False), (False, False), (False, True)}  # the properties are longer than the member


def test_absent_params_are_null() -> None:
    bench = opened()
    bench.deliver(1, b"")
    assert json.loads(bench.published()[0].payload) == {"method": "setGpio", "params": None}


def test_the_short_topics_are_served() -> None:
    bench = MqttBench()
    bench.connect()
    bench.subscribe("v2/r/req/+")
    bench.deliver(9)
    assert bench.published()[0].topic == "v2/r/req/9"


def test_nothing_goes_out_unsubscribed_congested_or_closed() -> None:
    bench = MqttBench()
    bench.connect()
    assert not bench.deliver(1)
    bench.subscribe()
    bench.session.congestion = Congestion(0, 0, 0)
    assert not bench.deliver(1)
    bench.session.congestion = None
    assert bench.deliver(1)
    bench.session.end(endings.LOST)
    assert not bench.deliver(2)


@pytest.mark.parametrize("reason", [0, 0x10, 0x80])
def test_an_acknowledgement_is_a_delivery_whatever_it_says(reason: int) -> None:
    bench = opened(V5)
    bench.deliver(41)
    bench.session.receive(packets.puback(V5, bench.published()[0].packet_id, reason))
    assert bench.link.take() == [DeliveryReport(1, 41, DELIVERED)]


def test_a_wrong_or_second_acknowledgement_says_nothing() -> None:
    bench = opened()
    bench.session.receive(packets.puback(V3_1_1, 1))
    bench.deliver(41)
    packet_id = bench.published()[0].packet_id
    bench.session.receive(packets.puback(V3_1_1, packet_id + 1) + packets.puback(V3_1_1, packet_id) * 2)
    assert bench.link.take() == [DeliveryReport(1, 41, DELIVERED)]


def test_a_missing_acknowledgement_is_reported_once_and_a_late_one_too() -> None:
    bench = opened()
    bench.deliver(41)
    packet_id = bench.published()[0].packet_id
    assert bench.session in bench.around.waiting
    assert overdue(bench.session, bench.advance(9_999))
    assert bench.link.take() == []
    assert not overdue(bench.session, bench.advance(1))
    assert bench.link.take() == [DeliveryReport(1, 41, NOT_ACKNOWLEDGED)]
    bench.session.receive(packets.puback(V3_1_1, packet_id))
    assert bench.link.take() == [DeliveryReport(1, 41, DELIVERED)]


def test_a_call_that_is_sent_again_is_one_more_packet() -> None:
    bench = opened()
    bench.deliver(41)
    assert not overdue(bench.session, bench.advance(10_000))
    bench.session.withdraw(41)  # changes nothing: it is with the device
    bench.deliver(41)
    first, second = bench.published()
    assert (first.topic, first.payload) == (second.topic, second.payload)
    assert first.packet_id != second.packet_id
    assert bench.link.take() == [DeliveryReport(1, 41, NOT_ACKNOWLEDGED)]
    bench.session.receive(packets.puback(V3_1_1, first.packet_id))
    assert bench.link.take() == [DeliveryReport(1, 41, DELIVERED)]
    assert not overdue(bench.session, bench.advance(10_000))
    bench.session.receive(packets.puback(V3_1_1, second.packet_id))
    assert bench.link.take() == [DeliveryReport(1, 41, NOT_ACKNOWLEDGED), DeliveryReport(1, 41, DELIVERED)]


def test_no_acknowledgement_is_awaited_beyond_the_calls_end() -> None:
    bench = opened()
    bench.deliver(41, timeout_ms=500)
    overdue(bench.session, bench.advance(500))
    assert bench.link.take() == [DeliveryReport(1, 41, NOT_ACKNOWLEDGED)]


def test_acknowledgements_have_more_time_while_devices_are_not_read() -> None:
    bench = opened()
    bench.deliver(41)
    bench.around.stood_ms += 5_000
    assert overdue(bench.session, bench.advance(12_000))
    assert bench.link.take() == []


def test_a_device_that_acknowledges_nothing_is_cut_off() -> None:
    bench = opened(V5, max_inflight=2)
    bench.deliver(1)
    bench.deliver(2)
    bench.line.take()
    overdue(bench.session, bench.advance(10_000))
    assert ended_with(bench, ReasonCode.ADMINISTRATIVE_ACTION)


def test_receive_maximum_is_honoured() -> None:
    bench = MqttBench(V5)
    bench.connect(values={PropertyId.RECEIVE_MAXIMUM: 1})
    bench.subscribe()
    assert bench.deliver(1)
    assert not bench.deliver(2)
    bench.session.receive(packets.puback(V5, 1))
    assert bench.deliver(2)


def test_a_call_that_the_device_could_not_take_fails_with_the_reason() -> None:
    bench = MqttBench(V5)
    bench.connect(values={PropertyId.MAXIMUM_PACKET_SIZE: 200})
    bench.subscribe()
    assert bench.deliver(1, b'"%b"' % (b"x" * 50))
    assert not bench.deliver(2, b'"%b"' % (b"x" * 200))
    (reply,) = bench.link.take()
    assert isinstance(reply, Reply)
    assert reply.error is not None
    assert "at most 200 bytes" in json.loads(reply.error)["error"]


def test_a_packet_never_exceeds_the_devices_maximum() -> None:
    bench = MqttBench(V5)
    bench.connect(values={PropertyId.MAXIMUM_PACKET_SIZE: 150})
    bench.subscribe()
    for size in range(120):
        bench.deliver(1, b'"%b"' % (b"x" * size))
        assert len(bench.line.written) <= 150
        bench.line.take()
        bench.session.receive(b"".join(packets.puback(V5, packet_id) for packet_id in range(1, size + 2)))


def test_identifiers_wrap_after_65_535_publishes_and_0_is_none() -> None:
    bench = opened()
    for number in range(1, 65_536):
        assert bench.deliver(number)
        bench.session.receive(packets.puback(V3_1_1, number))
        bench.line.written = b""
    bench.link.take()
    bench.deliver(70_000)
    bench.deliver(70_001)
    assert [call.packet_id for call in bench.published()] == [1, 2]
    bench.session.receive(packets.puback(V3_1_1, 1))
    assert bench.link.take() == [DeliveryReport(1, 70_000, DELIVERED)]
