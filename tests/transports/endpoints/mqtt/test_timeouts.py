import pytest
from doubles.mqtt_bench import MqttBench

from trunkline.contract.streams.frames import DeliveryReport
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.congestion import Congestion
from trunkline.transports.endpoints.mqtt.packets import V3_1_1, V5
from trunkline.transports.endpoints.mqtt.session import Stage
from trunkline.transports.endpoints.mqtt.timeouts import look_at, overdue, stand_still
from trunkline.v1.transport_service_pb2 import DeliveryState, DisconnectCause

KEEP_ALIVE = DisconnectCause.DISCONNECT_CAUSE_KEEPALIVE


def test_a_connection_without_connect_is_closed() -> None:
    bench = MqttBench()
    assert look_at(bench.session, bench.advance(10_000))
    assert bench.line.open
    look_at(bench.session, bench.advance(1))
    assert (bench.line.open, bench.line.take()) == (False, [])
    assert bench.link.rejections == {"connect_timeout": 1}


@pytest.mark.parametrize(("level", "code", "behind"), [(V3_1_1, 3, []), (V5, 0x88, [(0xE0, b"\x89")])])
def test_a_connect_that_the_core_does_not_answer_is_refused(
    level: int, code: int, behind: list[tuple[int, bytes]]
) -> None:
    bench = MqttBench(level)
    bench.advance(9_000)
    bench.session.receive(packets.connect(level, "id", "token"))
    look_at(bench.session, bench.advance(10_000))
    assert bench.line.open
    look_at(bench.session, bench.advance(1))
    connack, *rest = bench.line.take()
    assert (packets.decode_connack(connack[1], level).code, rest) == (code, behind)
    assert bench.link.ends == [(1, DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE)]


def test_keep_alive_is_one_and_a_half_times_its_value() -> None:
    bench = MqttBench(V5)
    bench.connect(keep_alive_s=2)
    look_at(bench.session, bench.advance(100))  # CONNECT was heard
    look_at(bench.session, bench.advance(3_000))
    assert bench.line.open
    bench.session.receive(packets.PINGREQ_PACKET)
    bench.line.take()
    look_at(bench.session, bench.advance(1))
    look_at(bench.session, bench.advance(3_000))
    assert bench.line.open
    look_at(bench.session, bench.advance(1))
    assert bench.said() == [(packets.DISCONNECT, 0x8D, "Nothing came for 1.5 times the keep-alive")]
    assert bench.link.ends == [(1, KEEP_ALIVE)]


def test_without_keep_alive_inactivity_ends_the_connection() -> None:
    bench = MqttBench(V5)
    bench.connect(keep_alive_s=0)
    look_at(bench.session, bench.advance(1))
    look_at(bench.session, bench.advance(600_000))
    assert bench.line.open
    look_at(bench.session, bench.advance(1))
    assert bench.said() == [(packets.DISCONNECT, 0x83, "Nothing came for too long")]


def test_a_socket_that_does_not_take_its_last_bytes_is_to_be_cut() -> None:
    bench = MqttBench()
    bench.connect()
    bench.session.receive(packets.disconnect(V3_1_1))
    assert bench.session.stage is Stage.CLOSED
    assert look_at(bench.session, bench.advance(1_000))
    assert not look_at(bench.session, bench.advance(1))


def test_a_device_that_takes_nothing_is_disconnected() -> None:
    bench = MqttBench(V5, slow_timeout_ms=30_000)
    bench.connect(keep_alive_s=2)
    bench.line.waiting = 300_000
    bench.session.congestion = Congestion(300_000, 100, bench.around.now_ms)
    look_at(bench.session, bench.advance(30_000))
    assert bench.line.open  # its pings are not read: its keep-alive does not count
    bench.line.waiting = 299_999
    look_at(bench.session, bench.advance(1))
    look_at(bench.session, bench.advance(30_000))
    assert bench.line.open
    look_at(bench.session, bench.advance(1))
    assert bench.said() == [(packets.DISCONNECT, 0x97, "What was sent is not taken")]
    assert bench.link.ends == [(1, KEEP_ALIVE)]
    assert bench.link.rejections == {"slow_device": 1}


def test_a_device_that_catches_up_is_looked_at_as_before() -> None:
    bench = MqttBench(V5)
    bench.connect(keep_alive_s=2)
    bench.session.congestion = Congestion(300_000, 100, bench.around.now_ms)
    look_at(bench.session, bench.advance(10_000))
    bench.session.congestion = None
    look_at(bench.session, bench.advance(1))
    look_at(bench.session, bench.advance(3_000))
    assert bench.line.open
    look_at(bench.session, bench.advance(1))
    assert not bench.line.open


def test_nobody_is_blamed_for_an_acknowledgement_that_was_not_read() -> None:
    bench = MqttBench()
    bench.connect()
    stand_still(bench.session, 500)  # nothing is under way
    bench.subscribe()
    bench.deliver(41)
    stand_still(bench.session, 500)
    assert overdue(bench.session, bench.advance(10_499))
    assert bench.link.take() == []
    assert not overdue(bench.session, bench.advance(1))
    assert bench.link.take() == [DeliveryReport(1, 41, DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED)]


def test_answers_end_with_the_one_that_was_too_much() -> None:
    bench = MqttBench(V5)
    bench.connect()
    for request_id in range(3):
        bench.publish(f"v1/devices/me/rpc/request/{request_id}", b'{"method":"time"}', qos=0)
    bench.session.congestion = Congestion(300_000, 10, bench.around.now_ms)
    assert not overdue(bench.session, bench.advance(60_000))
    assert bench.said() == [(packets.DISCONNECT, 0x97, "What was sent is not taken")]
    assert not bench.around.waiting
