import json

import msgspec
import pytest
from doubles.mqtt_bench import MqttBench

from trunkline.contract.streams.frames import (
    DeviceCall,
    DeviceData,
    DeviceDataAnswer,
    MqttProfile,
    Reply,
    TransportProfile,
)
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.packets import V3_1_1, V5
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.session import Stage
from trunkline.v1.transport_service_pb2 import DataKind

LIMITS = {
    "maxPayloadSize": 65536,
    "maxInflightMessages": 100,
    "rateLimits": {"messages": None, "telemetryMessages": None, "telemetryDataPoints": None},
}


def opened(level: int = V5, *, gateway: bool = False, **settings: int | str) -> MqttBench:
    bench = MqttBench(level, **settings)
    bench.connect(gateway=gateway)
    return bench


def acknowledged(bench: MqttBench, reason: ReasonCode = ReasonCode.SUCCESS, packet_id: int = 7) -> bool:
    """Whether the device was sent one PUBACK with this reason, and nothing else."""
    ((first, body),) = bench.line.take()
    told = reason if bench.level == V5 else ReasonCode.SUCCESS
    return (first, body[:2], body[2:3] or b"\0") == (0x40, packet_id.to_bytes(2, "big"), bytes((told,)))


@pytest.mark.parametrize("payload", [b'{"ok":true}', b"", b"not json", b"\xff\xfe", b"x" * 60_000])
@pytest.mark.parametrize("topic", ["v1/devices/me/rpc/response/41", "v2/r/res/41", "v2/r/res/j/41"])
def test_any_bytes_are_a_reply(topic: str, payload: bytes) -> None:
    bench = opened()
    bench.publish(topic, payload)
    assert bench.link.take() == [Reply(1, 41, payload)]
    assert acknowledged(bench)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_qos_2_is_acknowledged_like_qos_1(qos: int) -> None:
    bench = opened(V3_1_1)
    bench.publish("v1/devices/me/rpc/response/41", b"{}", qos)
    assert bench.link.take() == [Reply(1, 41, b"{}")]
    assert bench.line.written == (packets.puback(V3_1_1, 7) if qos else b"")


@pytest.mark.parametrize("digits", ["0", "-5", "-2147483648"])
def test_a_reply_to_an_id_that_no_call_has_is_acknowledged_and_counted(digits: str) -> None:
    bench = opened()
    bench.publish(f"v1/devices/me/rpc/response/{digits}", b"{}")
    assert bench.link.take() == []
    assert acknowledged(bench)
    assert bench.link.rejections == {"unknown_request_id": 1}


def test_a_reply_that_finds_no_room_is_not_acknowledged() -> None:
    bench = opened()
    bench.link.drops = {41}
    bench.publish("v1/devices/me/rpc/response/41", b"{}")
    assert bench.line.written == b""
    assert bench.link.rejections == {"reply_not_kept": 1}


def test_a_reply_that_the_core_could_not_take_fails_its_call() -> None:
    bench = opened()
    bench.link.largest_reply = 100
    bench.publish("v1/devices/me/rpc/response/41", b"x" * 101)
    assert bench.link.take() == [Reply(1, 41, error='{"error":"The reply is too large"}')]
    assert acknowledged(bench)


@pytest.mark.parametrize("topic", ["v1/devices/me/telemetry", "v2/t", "v2/t/j"])
@pytest.mark.parametrize("payload", [b'{"t":21.5}', b'{"ts":1,"values":{"t":21.5}}', b'[{"t":1},{"t":2}]', b"[]"])
def test_telemetry_is_acknowledged_as_soon_as_it_waits(topic: str, payload: bytes) -> None:
    bench = opened()
    bench.publish(topic, payload)
    assert bench.link.take() == [DeviceData(1, 0, DataKind.DATA_KIND_TELEMETRY, payload)]
    assert acknowledged(bench)


UNFIT = [
    ("v1/devices/me/telemetry", b"21.5"),
    ("v1/devices/me/telemetry", b"[1]"),
    ("v1/devices/me/telemetry", b'"a":1}'),
    ("v1/devices/me/telemetry", b""),
    ("v1/devices/me/telemetry", b"\xff"),
    ("v1/devices/me/attributes", b'[{"a":1}]'),
    ("v1/devices/me/attributes", b'"a":1}'),
    ("v1/devices/me/attributes/request/x", b"{}"),
    ("v1/devices/me/attributes/request/1", b"[]"),
    ("v1/devices/me/rpc/response/", b"{}"),
    ("v1/devices/me/rpc/response/4x", b"{}"),
    ("v1/devices/me/rpc/response/99999999999", b"{}"),
    ("v1/devices/me/rpc/request/x", b'{"method":"time"}'),
    ("v1/devices/me/rpc/request/1", b'{"params":{}}'),
    ("v1/devices/me/rpc/request/1", b'{"method":null}'),
    ("v1/devices/me/rpc/request/1", b'{"method":true}'),
    ("v1/devices/me/rpc/request/1", b"[]"),
    ("v1/devices/me/rpc/request/1", b"[" * 50_000),
    ("v1/devices/me/claim", b"[]"),
]


@pytest.mark.parametrize(("topic", "payload"), UNFIT)
def test_what_does_not_fit_its_topic_is_refused(topic: str, payload: bytes) -> None:
    told = opened(V5)
    told.publish(topic, payload)
    assert acknowledged(told, ReasonCode.PAYLOAD_FORMAT_INVALID)
    assert told.session.stage is Stage.OPEN

    unacknowledged = opened(V5)
    unacknowledged.publish(topic, payload, qos=0)
    assert [said[:2] for said in unacknowledged.said()] == [(packets.DISCONNECT, ReasonCode.PAYLOAD_FORMAT_INVALID)]

    old = opened(V3_1_1)
    old.publish(topic, payload)
    assert (old.line.open, old.line.written) == (False, b"")

    for bench in (told, unacknowledged, old):
        assert bench.link.take() == []
        assert bench.link.rejections == {"payload": 1}


def test_the_device_is_told_what_did_not_fit() -> None:
    bench = opened()
    bench.publish("v1/devices/me/rpc/request/1", b"{}")
    assert bench.said() == [(packets.PUBACK, 0x99, "`method` is missing or no text")]


def profile(**mqtt: str | bool) -> TransportProfile:
    return TransportProfile(b"p" * 16, 1, mqtt=msgspec.convert(mqtt, MqttProfile))


class TestProfile:
    @pytest.mark.parametrize("payload", [b'"a":1}', b"[1]"])
    def test_it_may_want_old_devices_told_that_all_is_well(self, payload: bytes) -> None:
        bench = opened(V3_1_1)
        bench.link.profiles[b"p" * 16] = profile(acknowledge_invalid=True)
        bench.publish("v1/devices/me/telemetry", payload)
        assert acknowledged(bench)
        assert bench.line.open
        bench.publish("v1/devices/me/telemetry", payload, qos=0)
        assert not bench.line.open  # there is no way to tell it

    @pytest.mark.parametrize(
        ("topic", "kind"),
        [
            ("plant/7/data", DataKind.DATA_KIND_TELEMETRY),
            ("plant/7/about", DataKind.DATA_KIND_ATTRIBUTES),
            ("v1/devices/me/telemetry", DataKind.DATA_KIND_TELEMETRY),
            ("v2/a", DataKind.DATA_KIND_ATTRIBUTES),
        ],
    )
    def test_it_may_name_topics_for_data_beside_the_standard_ones(self, topic: str, kind: DataKind.ValueType) -> None:
        bench = opened()
        bench.link.profiles[b"p" * 16] = profile(telemetry_topic="plant/+/data", attributes_topic="plant/+/about")
        bench.publish(topic, b'{"a":1}')
        assert bench.link.take() == [DeviceData(1, 0, kind, b'{"a":1}')]
        assert acknowledged(bench)

    def test_it_may_change_while_the_device_is_connected(self) -> None:
        bench = opened()
        bench.publish("plant/7/data", b'{"a":1}')
        assert acknowledged(bench, ReasonCode.TOPIC_NAME_INVALID)
        bench.link.profiles[b"p" * 16] = profile(telemetry_topic="plant/+/data")
        bench.publish("plant/7/data", b'{"a":1}')
        assert acknowledged(bench)

    def test_its_own_topics_come_before_the_standard_ones_for_data(self) -> None:
        bench = opened()
        bench.link.profiles[b"p" * 16] = profile(attributes_topic="v1/devices/me/telemetry")
        bench.publish("v1/devices/me/telemetry", b'{"a":1}')
        assert bench.link.take() == [DeviceData(1, 0, DataKind.DATA_KIND_ATTRIBUTES, b'{"a":1}')]

    def test_a_wide_filter_takes_no_calls_away(self) -> None:
        bench = opened()
        bench.link.profiles[b"p" * 16] = profile(telemetry_topic="#")
        bench.publish("v1/devices/me/rpc/response/41", b"{}")
        bench.publish("v2/r/res/42", b"{}")
        bench.publish("v1/devices/me/rpc/request/1", b'{"method":"time"}')
        bench.publish("any/thing", b"{}")
        assert [type(frame) for frame in bench.link.take()] == [Reply, Reply, DeviceCall, DeviceData]


class TestRateLimits:
    @pytest.mark.parametrize("level", [V3_1_1, V5])
    @pytest.mark.parametrize(
        ("topic", "payload"),
        [
            ("v1/devices/me/rpc/response/41", b"{}"),
            ("v1/devices/me/rpc/request/1", b'{"method":"time"}'),
            ("v1/devices/me/attributes/request/1", b"{}"),
            ("v1/devices/me/telemetry", b"{}"),
            ("v1/devices/me/claim", b""),
            ("v2/fw/request/1/chunk/0", b""),
            ("v1/gateway/connect", b"{}"),
            ("wrong/topic", b"{}"),
        ],
    )
    def test_whatever_a_device_says_counts(self, level: int, topic: str, payload: bytes) -> None:
        bench = opened(level, rate_limit_messages="2:600")  # CONNECT is one
        bench.publish(topic, payload)
        assert bench.line.open
        bench.line.take()
        bench.link.take()
        bench.publish(topic, payload)
        assert bench.link.take() == []
        assert not bench.line.open
        if level == V5:
            ((kind, code, why),) = bench.said()
            assert (kind, code, "rate limits" in why) == (packets.DISCONNECT, 0x83, True)
        else:
            assert bench.line.written == b""
        assert bench.link.rejections["rate_limit"] == 1

    def test_data_has_limits_of_its_own(self) -> None:
        bench = opened(rate_limit_telemetry_messages="2:600", rate_limit_telemetry_data_points="10:600")
        for _ in range(3):
            bench.publish("v1/devices/me/rpc/response/41", b"{}")
        bench.publish("v1/devices/me/telemetry", b'{"a":1,"b":2}')
        bench.publish("v1/devices/me/attributes", b'{"a":1}')
        assert bench.line.open
        bench.publish("v1/devices/me/telemetry", b'{"a":1}')
        assert not bench.line.open

    def test_every_value_is_a_data_point(self) -> None:
        bench = opened(rate_limit_telemetry_data_points="3:600")
        bench.publish("v1/devices/me/telemetry", b'[{"a":1},{"ts":1,"values":{"a":1,"b":2}}]')
        assert bench.line.open
        bench.publish("v1/devices/me/telemetry", b'{"a":1}')
        assert not bench.line.open

    def test_asking_for_them_is_free_and_pinging_too(self) -> None:
        bench = opened(rate_limit_messages="1:600")
        for _ in range(3):
            bench.session.receive(packets.PINGREQ_PACKET)
            bench.publish("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits"}', qos=0)
        assert bench.line.open

    def test_time_brings_more(self) -> None:
        bench = opened(rate_limit_messages="1:1")
        for _ in range(3):
            bench.advance(1_000)
            bench.publish("v1/devices/me/rpc/response/41", b"{}")
        assert bench.line.open

    def test_a_device_hears_of_them(self) -> None:
        bench = opened(
            rate_limit_messages="20:600",
            rate_limit_telemetry_messages="10:600",
            rate_limit_telemetry_data_points="40:600",
        )
        bench.publish("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits"}', qos=0)
        assert bench.published()[0].payload == (
            b'{"maxPayloadSize":65536,"maxInflightMessages":100,"rateLimits":'
            b'{"messages":"20:600","telemetryMessages":"10:600","telemetryDataPoints":"40:600"}}'
        )


@pytest.mark.parametrize(("level", "reason"), [(V3_1_1, ReasonCode.SUCCESS), (V5, ReasonCode.TOPIC_NAME_INVALID)])
def test_an_unknown_topic_is_acknowledged_and_counted(level: int, reason: ReasonCode) -> None:
    bench = opened(level)
    bench.publish("wrong/topic/", b"{}")
    assert acknowledged(bench, reason)
    assert bench.session.stage is Stage.OPEN
    assert bench.link.rejections == {"unknown_topic": 1}


def test_a_topic_alias_was_not_offered() -> None:
    bench = opened(V5)
    bench.session.receive(packets.packet(packets.PUBLISH << 4, b"\x00\x00\x03\x23\x00\x01{}"))
    assert bench.said() == [(packets.DISCONNECT, 0x94, "A topic alias, but none was offered")]


@pytest.mark.parametrize(("gateway", "reason"), [(True, 0x90), (False, 0x87)])
def test_gateway_topics_are_acknowledged_and_not_served(gateway: bool, reason: int) -> None:
    bench = opened(V5, gateway=gateway)
    bench.publish("v1/gateway/connect", b'{"device":"A"}')
    assert acknowledged(bench, ReasonCode(reason))
    assert bench.link.take() == []


def test_session_limits_are_answered_behind_the_acknowledgement() -> None:
    bench = opened()
    bench.publish("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits","params":{"timeout":5000}}')
    acknowledgement, answer = bench.line.take()
    assert acknowledgement == (packets.PUBACK << 4, b"\x00\x07")
    published = packets.decode_publish(*answer, V5)
    assert published.topic == "v1/devices/me/rpc/response/1"
    assert published.payload == json.dumps(LIMITS, separators=(",", ":")).encode()
    assert bench.link.take() == []


def test_a_gateway_hears_of_its_devices_limits_too() -> None:
    bench = opened(gateway=True)
    bench.publish("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits"}', qos=0)
    assert json.loads(bench.published()[0].payload) == LIMITS | {"gatewayRateLimits": LIMITS["rateLimits"]}


def test_on_the_short_topics_it_is_a_call_like_any_other() -> None:
    bench = opened()
    bench.publish("v2/r/req/1", b'{"method":"getSessionLimits"}')
    (call,) = bench.link.take()
    assert isinstance(call, DeviceCall)
    assert call.method == "getSessionLimits"


@pytest.mark.parametrize(
    ("body", "method", "params"),
    [
        (b'{"method":"time","params":{ "zone": 1.50 }}', "time", b'{ "zone": 1.50 }'),
        (b'{"method":"time"}', "time", b"null"),
        (b'{"method":5,"params":[]}', "5", b"[]"),
    ],
)
def test_a_call_of_the_device_goes_to_the_core(body: bytes, method: str, params: bytes) -> None:
    bench = opened()
    bench.publish("v1/devices/me/rpc/request/-3", body)
    assert bench.link.take() == [DeviceCall(1, 1, method, params, bench.clock.now + 60_000)]
    assert acknowledged(bench)


def test_a_device_has_a_bounded_number_of_open_requests() -> None:
    bench = opened(max_queued_packets=2)
    for request_id in (1, 2, 3):
        bench.publish(f"v1/devices/me/rpc/request/{request_id}", b'{"method":"time"}', qos=0)
    bench.publish("v1/devices/me/attributes/request/4", b"{}", qos=0)
    assert len(bench.link.take()) == 2
    (answer,) = bench.published()
    assert answer.topic == "v1/devices/me/rpc/response/3"
    assert "Too many" in json.loads(answer.payload)["error"]
    assert bench.link.rejections == {"too_many_requests": 2}


@pytest.mark.parametrize(
    ("topic", "answered"),
    [
        ("v1/devices/me/attributes/request/4", "v1/devices/me/attributes/response/4"),
        ("v2/a/req/4", "v2/a/res/4"),
        ("v2/a/req/j/4", "v2/a/res/j/4"),
    ],
)
def test_attributes_are_asked_of_the_core(topic: str, answered: str) -> None:
    bench = opened()
    bench.publish(topic, b'{"sharedKeys":"a"}')
    assert bench.link.take() == [DeviceData(1, 1, DataKind.DATA_KIND_ATTRIBUTES_REQUEST, b'{"sharedKeys":"a"}')]
    assert acknowledged(bench)
    bench.session.data_answer(DeviceDataAnswer(1, 1, b"{}"))
    (answer,) = bench.published()
    assert (answer.topic, answer.payload) == (answered, b"{}")


@pytest.mark.parametrize("payload", [b"", b'{"secretKey":"s"}'])
def test_claims_are_acknowledged(payload: bytes) -> None:
    bench = opened()
    bench.publish("v1/devices/me/claim", payload)
    assert acknowledged(bench)
    assert bench.link.take() == []


@pytest.mark.parametrize("kind", ["fw", "sw"])
def test_there_is_no_firmware(kind: str) -> None:
    bench = opened()
    bench.publish(f"v2/{kind}/request/1/chunk/0", b"")
    _, answer = bench.line.take()
    published = packets.decode_publish(*answer, V5)
    assert (published.topic, published.payload) == (f"v2/{kind}/error", b"NOT_FOUND")
