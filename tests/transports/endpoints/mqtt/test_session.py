import pytest
from doubles.mqtt_bench import CALLS, MqttBench, ended_with, opened
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.contract.streams.frames import (
    CloseSession,
    Connect,
    DeviceCallAnswer,
    DeviceData,
    MqttBasic,
    Refused,
    Reply,
    Subscribe,
    Unsubscribe,
)
from trunkline.transports.endpoints.mqtt import endings, packets
from trunkline.transports.endpoints.mqtt.congestion import Congestion
from trunkline.transports.endpoints.mqtt.fields import Properties, PropertyId
from trunkline.transports.endpoints.mqtt.packets import V3_1, V3_1_1, V5
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.session import Stage
from trunkline.transports.endpoints.mqtt.surroundings import Pause
from trunkline.transports.endpoints.mqtt.timeouts import overdue
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DataKind, DisconnectCause, SessionKind

LEVELS = [V3_1, V3_1_1, V5]
RESPONSES = "v1/devices/me/rpc/response/+"
PROTOCOL_ERROR = DisconnectCause.DISCONNECT_CAUSE_PROTOCOL_ERROR


class TestConnecting:
    def test_credentials_go_to_the_core_as_they_were_shown(self) -> None:
        bench = MqttBench(V5, max_inflight=16)
        values: Properties = {PropertyId.RECEIVE_MAXIMUM: 3}
        bench.session.receive(packets.connect(V5, "id", "token", b"\xffsecret", values=values))
        assert bench.link.take() == [
            Connect(1, SessionKind.SESSION_KIND_ASYNCHRONOUS, 3, mqtt_basic=MqttBasic("id", "token", "\ufffdsecret"))
        ]
        assert bench.line.take() == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_connack_comes_when_the_core_has_answered(self, level: int) -> None:
        bench = MqttBench(level)
        ((first, body),) = bench.connect(clean=False)
        assert first == packets.CONNACK << 4
        answer = packets.decode_connack(body, level)
        assert (answer.code, answer.session_present) == (0, False)

    @pytest.mark.parametrize(("level", "code"), [(V3_1_1, 5), (V5, ReasonCode.BAD_USER_NAME_OR_PASSWORD)])
    def test_a_wrong_token_is_refused(self, level: int, code: int) -> None:
        bench = MqttBench(level)
        bench.session.receive(packets.connect(level, "id", "wrong"))
        bench.session.refused(Refused(1, ErrorReason.ERROR_REASON_BAD_CREDENTIALS))
        connack, *rest = bench.line.take()
        assert packets.decode_connack(connack[1], level).code == code
        assert rest == ([(packets.DISCONNECT << 4, bytes((code,)))] if level == V5 else [])
        assert not bench.line.open
        assert bench.link.ends == []  # the core knows

    def test_packets_before_the_answer_wait_for_it(self) -> None:
        bench = MqttBench(V3_1_1)
        bench.session.receive(
            packets.connect(V3_1_1, "id", "token")
            + packets.subscribe(V3_1_1, 1, ((CALLS, 1),))
            + packets.publish(V3_1_1, b"v1/devices/me/telemetry", b'{"a":1}', 1, 2)
        )
        assert [type(frame) for frame in bench.link.take()] == [Connect]
        bench.let_in()
        assert [type(frame) for frame in bench.link.take()] == [Subscribe, DeviceData]
        assert [first >> 4 for first, _ in bench.line.take()] == [packets.CONNACK, packets.PUBACK]

    @pytest.mark.parametrize("level", [V3_1_1, V5])
    def test_too_many_of_them_end_the_connection(self, level: int) -> None:
        bench = MqttBench(level, max_queued_packets=10)
        bench.session.receive(packets.connect(level, "id", "token") + packets.PINGREQ_PACKET * 10)
        assert bench.line.open
        bench.session.receive(packets.PINGREQ_PACKET)
        assert ended_with(bench, ReasonCode.QUOTA_EXCEEDED)
        assert bench.link.ends == [(1, PROTOCOL_ERROR)]
        bench.let_in()  # crossed the end
        assert bench.line.take() == []

    def test_too_many_bytes_of_them_stop_the_reading_until_the_answer(self) -> None:
        bench = MqttBench(V3_1_1)
        big = packets.publish(V3_1_1, b"v1/devices/me/telemetry", b'{"a":"%b"}' % (b"x" * 40_000))
        bench.session.receive(packets.connect(V3_1_1, "id", "token") + big)
        assert bench.line.pauses == set()
        bench.session.receive(big)
        assert bench.line.pauses == {Pause.CONNECTING}
        bench.let_in()
        assert bench.line.pauses == set()

    def test_only_connect_comes_first(self) -> None:
        bench = MqttBench()
        bench.session.receive(packets.PINGREQ_PACKET)
        assert ended_with(bench, ReasonCode.PROTOCOL_ERROR) or not bench.line.open
        assert bench.link.ends == []

    def test_a_limit_of_0_ends_the_connection_unanswered(self) -> None:
        bench = MqttBench(V5)
        bench.session.receive(packets.connect(V5, "id", "t", values={PropertyId.RECEIVE_MAXIMUM: 0}))
        assert (bench.line.open, bench.line.take(), bench.link.take()) == (False, [], [])

    def test_a_client_that_takes_too_little_is_told_if_that_fits(self) -> None:
        bench = MqttBench(V5)
        bench.session.receive(packets.connect(V5, "id", "token", values={PropertyId.MAXIMUM_PACKET_SIZE: 10}))
        bench.let_in()
        assert bench.said() == [(packets.DISCONNECT, ReasonCode.PACKET_TOO_LARGE, "")]
        assert not bench.line.open
        assert bench.link.ends == [(1, PROTOCOL_ERROR)]

        silent = MqttBench(V5)
        silent.session.receive(packets.connect(V5, "id", "token", values={PropertyId.MAXIMUM_PACKET_SIZE: 2}))
        silent.let_in()
        assert (silent.line.open, silent.line.written) == (False, b"")

    def test_a_refusal_says_why_where_that_is_wanted(self) -> None:
        for reasons, told in ((1, {PropertyId.REASON_STRING: "The certificate has expired"}), (0, {})):
            bench = MqttBench(V5)
            values: Properties = {PropertyId.REQUEST_PROBLEM_INFO: reasons}
            bench.session.receive(packets.connect(V5, "id", "token", values=values))
            bench.session.refused(Refused(1, ErrorReason.ERROR_REASON_BAD_CREDENTIALS, "The certificate has expired"))
            connack, _ = bench.line.take()
            assert packets.decode_connack(connack[1], V5).properties == told

    @pytest.mark.parametrize(("level", "code"), [(V3_1_1, 3), (V5, 0x88)])
    def test_a_device_whose_profile_is_for_another_transport_is_refused(self, level: int, code: int) -> None:
        bench = MqttBench(level)
        bench.session.receive(packets.connect(level, "id", "token"))
        bench.session.refused(Refused(1, ErrorReason.ERROR_REASON_NOT_SUPPORTED, "Its profile is for CoAP"))
        (_, connack), *rest = bench.line.take()
        assert packets.decode_connack(connack, level).code == code
        assert rest == ([(packets.DISCONNECT << 4, b"\x89")] if level == V5 else [])

    @pytest.mark.parametrize(("level", "code", "behind"), [(V3_1_1, 3, []), (V5, 0x9F, [(0xE0, b"\x96")])])
    def test_connecting_counts_against_the_rate_limit(
        self, level: int, code: int, behind: list[tuple[int, bytes]]
    ) -> None:
        bench = MqttBench(level, rate_limit_messages="1:600")
        bench.connect()
        again = bench.another()
        again.session.receive(packets.connect(level, "id", "token"))
        again.let_in()
        connack, *rest = again.line.take()
        assert (packets.decode_connack(connack[1], level).code, rest) == (code, behind)
        assert bench.link.ends == [(2, DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE)]

    def test_wrong_credentials_count_against_the_address_and_right_ones_clear_it(self) -> None:
        bench = MqttBench(max_failed_logins=2)
        failed_logins = bench.around.failed_logins
        assert failed_logins is not None
        for reason in (ErrorReason.ERROR_REASON_BAD_CREDENTIALS, ErrorReason.ERROR_REASON_CORE_UNAVAILABLE):
            stranger = bench.another()
            stranger.session.receive(packets.connect(V3_1_1, "id", "wrong"))
            stranger.session.refused(Refused(1, reason))
        assert not failed_logins.blocked(bench.line.address, 0)  # a core that is away is nobody's fault
        bench.connect()
        for _ in range(2):
            assert not failed_logins.blocked(bench.line.address, bench.around.now_ms)
            stranger = bench.another()
            stranger.session.receive(packets.connect(V3_1_1, "id", "wrong"))
            stranger.session.refused(Refused(1, ErrorReason.ERROR_REASON_BAD_CREDENTIALS))
        assert failed_logins.blocked(bench.line.address, bench.around.now_ms)

    @pytest.mark.parametrize("level", LEVELS)
    def test_a_will_is_taken_and_never_published(self, level: int) -> None:
        bench = MqttBench(level)
        will = packets.Will("v1/devices/me/telemetry", b'{"gone":true}', 2, True)
        ((_, connack),) = bench.connect(will=will, clean=False)
        assert packets.decode_connack(connack, level).code == 0
        bench.session.end(endings.LOST)
        assert bench.link.take() == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_a_second_connect_is_a_protocol_error(self, level: int) -> None:
        bench = opened(level)
        bench.session.receive(packets.connect(level, "id", "token"))
        assert ended_with(bench, ReasonCode.PROTOCOL_ERROR)


class TestSubscribing:
    @pytest.mark.parametrize(
        ("qos", "acknowledgement"),
        [
            (0, Acknowledgement.ACKNOWLEDGEMENT_IMPLIED),
            (1, Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT),
            (2, Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT),
        ],
    )
    def test_suback_waits_for_the_core(self, qos: int, acknowledgement: Acknowledgement.ValueType) -> None:
        bench = MqttBench()
        bench.connect()
        bench.session.receive(packets.subscribe(V3_1_1, 5, ((CALLS, qos),)))
        assert bench.link.take() == [Subscribe(1, True, False, acknowledgement)]
        assert bench.line.take() == []
        bench.session.subscribed()
        assert bench.line.written == packets.suback(V3_1_1, 5, bytes((min(qos, 1),)))

    def test_what_the_core_need_not_know_is_granted_at_once(self) -> None:
        bench = MqttBench()
        bench.connect()
        bench.session.receive(packets.subscribe(V3_1_1, 5, ((RESPONSES, 1), ("#", 0))))
        assert bench.link.take() == []
        assert bench.line.written == packets.suback(V3_1_1, 5, b"\x01\x80")
        assert bench.link.rejections == {"topic_filter": 1}

    def test_unsubscribing_stops_deliveries_at_once(self) -> None:
        bench = opened(V5)
        bench.session.receive(packets.unsubscribe(V5, 6, (CALLS,)))
        assert bench.link.take() == [Unsubscribe(1, True, False)]
        assert bench.line.written == packets.unsuback(V5, 6, b"\x00")
        assert not bench.deliver(1)

    def test_unsubscribing_what_was_not_subscribed_is_answered(self) -> None:
        bench = opened(V5)
        bench.session.receive(packets.unsubscribe(V5, 6, (RESPONSES,)))
        assert bench.link.take() == []
        assert bench.line.written == packets.unsuback(V5, 6, b"\x11")


class TestAnswering:
    def test_an_answer_goes_to_the_request_it_is_for(self) -> None:
        bench = opened()
        bench.publish("v1/devices/me/rpc/request/3", b'{"method":"time","params":{}}')
        (call,) = bench.link.take()
        bench.line.take()
        bench.session.answer(DeviceCallAnswer(1, getattr(call, "id", 0), b'{"now":1}'))
        (answer,) = bench.published()
        assert (answer.topic, answer.payload, answer.qos) == ("v1/devices/me/rpc/response/3", b'{"now":1}', 1)

    def test_an_error_is_an_answer_too(self) -> None:
        bench = opened()
        bench.publish("v2/r/req/3", b'{"method":"time"}')
        (call,) = bench.link.take()
        bench.line.take()
        bench.session.answer(DeviceCallAnswer(1, getattr(call, "id", 0), error="no handler"))
        (answer,) = bench.published()
        assert (answer.topic, answer.payload) == ("v2/r/res/3", b'{"error":"no handler"}')

    def test_a_second_answer_is_dropped(self) -> None:
        bench = opened()
        bench.session.answer(DeviceCallAnswer(1, 99, b"{}"))
        assert bench.published() == []

    def test_a_request_that_gets_no_answer_gets_the_timeouts(self) -> None:
        bench = opened()
        bench.publish("v1/devices/me/rpc/request/3", b'{"method":"time"}')
        bench.publish("v1/devices/me/attributes/request/4", b"{}")
        bench.line.take()
        assert overdue(bench.session, bench.advance(59_999))
        assert not overdue(bench.session, bench.advance(1))
        (answer,) = bench.published()  # an attributes request has no form for it
        assert (answer.topic, answer.payload) == ("v1/devices/me/rpc/response/3", b'{"error":"timeout"}')

    def test_packet_identifiers_go_on_from_answer_to_answer_and_to_calls(self) -> None:
        bench = opened()
        for packet_id in (1, 2):
            bench.publish("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits"}', 0)
            assert [answer.packet_id for answer in bench.published()] == [packet_id]
            bench.session.receive(packets.puback(V3_1_1, packet_id))
        bench.deliver(41)
        assert [call.packet_id for call in bench.published()] == [3]

    def test_too_many_unacknowledged_answers_go_at_qos_0(self) -> None:
        bench = opened(max_queued_packets=2)
        for _ in range(3):
            bench.publish("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits"}', 0)
        assert [answer.qos for answer in bench.published()] == [1, 1, 0]

    def test_an_answer_over_the_devices_maximum_is_not_sent(self) -> None:
        bench = MqttBench(V5)
        bench.connect(values={PropertyId.MAXIMUM_PACKET_SIZE: 60})
        bench.publish("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits"}', 0)
        assert bench.line.take() == []
        assert bench.link.rejections == {"answer_over_maximum_packet_size": 1}

    def test_acknowledgements_behind_a_kept_reply_wait_for_it(self) -> None:
        bench = opened()
        bench.link.keeps = {41}
        bench.publish("v1/devices/me/rpc/response/41", b"{}", packet_id=1)
        bench.publish("v1/devices/me/telemetry", b"{}", packet_id=2)
        assert bench.line.take() == []
        bench.session.reply_stored(41)
        assert bench.line.written == packets.puback(V3_1_1, 1) + packets.puback(V3_1_1, 2)
        bench.line.take()
        bench.publish("v1/devices/me/telemetry", b"{}", packet_id=3)
        assert bench.line.written == packets.puback(V3_1_1, 3)

    def test_an_acknowledgement_that_waited_still_says_what_was_wrong(self) -> None:
        bench = opened(V5)
        bench.link.keeps = {41}
        bench.publish("v1/devices/me/rpc/response/41", b"{}", packet_id=1)
        bench.publish("wrong/topic", b"{}", packet_id=2)
        bench.session.reply_stored(41)
        assert [code for _, code, _ in bench.said()] == [0, ReasonCode.TOPIC_NAME_INVALID]

    def test_a_device_is_not_read_while_too_many_acknowledgements_wait(self) -> None:
        bench = opened(max_queued_packets=10)
        bench.link.keeps = {41}
        bench.publish("v1/devices/me/rpc/response/41", b"{}", packet_id=1)
        for packet_id in range(2, 10):
            bench.publish("v1/devices/me/telemetry", b"{}", packet_id=packet_id)
        assert bench.line.pauses == set()
        bench.publish("v1/devices/me/telemetry", b"{}", packet_id=10)
        assert bench.line.pauses == {Pause.KEPT_REPLIES}
        bench.session.reply_stored(41)
        assert bench.line.pauses == set()
        assert len(bench.line.take()) == 10

    def test_a_device_that_takes_nothing_is_not_answered_without_end(self) -> None:
        bench = opened(V5)
        bench.session.congestion = Congestion(300_000, 300, bench.around.now_ms)
        for _ in range(3):
            bench.publish("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits"}', 0)
        *answers, (first, body) = bench.line.take()
        assert [kind >> 4 for kind, _ in answers] == [packets.PUBLISH]
        assert (first >> 4, body[0]) == (packets.DISCONNECT, ReasonCode.QUOTA_EXCEEDED)
        assert bench.link.rejections == {"slow_device": 1}
        assert not bench.line.open

    def test_a_device_with_too_many_kept_replies_is_not_read(self) -> None:
        bench = opened()
        bench.link.keeps = {41}
        bench.link.readable = False
        bench.publish("v1/devices/me/rpc/response/41", b"{}")
        assert bench.line.pauses == {Pause.KEPT_REPLIES}
        bench.session.reply_stored(7)
        assert bench.line.pauses == {Pause.KEPT_REPLIES}
        bench.link.readable = True
        bench.session.reply_stored(41)
        assert bench.line.pauses == set()


class TestEnding:
    @pytest.mark.parametrize("level", LEVELS)
    def test_a_device_that_disconnects_is_reported_so(self, level: int) -> None:
        bench = opened(level)
        bench.session.receive(packets.disconnect(level))
        assert bench.link.ends == [(1, DisconnectCause.DISCONNECT_CAUSE_CLIENT)]
        assert not bench.line.open

    def test_nothing_behind_a_disconnect_counts(self) -> None:
        bench = opened()
        bench.session.receive(packets.disconnect(V3_1_1) + packets.publish(V3_1_1, b"v1/devices/me/telemetry", b"{}"))
        assert bench.link.take() == []

    @pytest.mark.parametrize(
        ("reason", "code"),
        [
            (ErrorReason.ERROR_REASON_SESSION_SUPERSEDED, ReasonCode.SESSION_TAKEN_OVER),
            (ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED, ReasonCode.ADMINISTRATIVE_ACTION),
            (ErrorReason.ERROR_REASON_DEVICE_DELETED, ReasonCode.ADMINISTRATIVE_ACTION),
            (ErrorReason.ERROR_REASON_DELIVERY_TIMEOUT, ReasonCode.ADMINISTRATIVE_ACTION),
            (ErrorReason.ERROR_REASON_SESSION_UNKNOWN, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR),
        ],
    )
    @pytest.mark.parametrize("level", [V3_1_1, V5])
    def test_the_core_ends_a_session(self, level: int, reason: ErrorReason.ValueType, code: ReasonCode) -> None:
        bench = opened(level)
        bench.session.close(CloseSession(1, reason))
        assert ended_with(bench, code)
        assert bench.link.ends == [(1, DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE)]

    def test_ending_twice_is_harmless(self) -> None:
        bench = opened()
        bench.session.close(CloseSession(1, ErrorReason.ERROR_REASON_DEVICE_DELETED))
        bench.session.end(endings.LOST)
        assert len(bench.link.ends) == 1

    def test_a_closed_session_waits_for_nothing(self) -> None:
        bench = opened()
        bench.deliver(1)
        bench.session.end(endings.LOST)
        assert not bench.around.waiting


class TestProtocol:
    def test_pings_are_answered(self) -> None:
        bench = opened()
        bench.session.receive(packets.PINGREQ_PACKET)
        assert bench.line.written == packets.PINGRESP_PACKET

    @pytest.mark.parametrize("first", [0x50, 0x62, 0x70, 0x90, 0xD0])  # PUBREC, PUBREL, PUBCOMP, SUBACK, PINGRESP
    def test_what_has_no_use_here_is_ignored(self, first: int) -> None:
        bench = opened()
        bench.session.receive(packets.packet(first, b"\x00\x01"))
        assert bench.line.open
        assert bench.link.take() == []

    @pytest.mark.parametrize("level", LEVELS)
    @pytest.mark.parametrize(
        "data",
        [
            b"\x30\x81\x80\x04",  # a packet over the limit
            b"\x30\xff\xff\xff\xff",  # no length
            b"\x32\x05\x00\x01a\x00\x00",  # packet id 0
            b"\x34\x01a",  # cut
            b"\x80\x02\x00\x01",  # wrong flags
            b"\x00\x00",  # reserved kind
            b"\x41\x02\x00\x01",  # PUBACK with flags
            b"\x30\x00",  # an empty PUBLISH
            b"\x36\x05\x00\x01a\x00\x01",  # QoS 3
            b"\x30\x03\x00\x01+",  # a wildcard
        ],
    )
    def test_malformed_packets_end_the_connection(self, level: int, data: bytes) -> None:
        bench = opened(level)
        bench.session.receive(data)
        assert ended_with(bench, ReasonCode.MALFORMED_PACKET)
        assert bench.link.ends == [(1, PROTOCOL_ERROR)]
        assert bench.link.rejections == {"malformed_packet": 1}

    @pytest.mark.parametrize("flags", [0x01, 0x08, 0x09])  # RETAIN, DUP, both
    def test_retain_and_dup_mean_nothing(self, flags: int) -> None:
        bench = opened()
        bench.session.receive(packets.packet(0x32 | flags, b"\x00\x17v1/devices/me/telemetry\x00\x07{}"))
        assert bench.link.take() == [DeviceData(1, 0, DataKind.DATA_KIND_TELEMETRY, b"{}")]
        assert bench.line.written == packets.puback(V3_1_1, 7)

    def test_a_packet_identifier_may_be_used_again(self) -> None:
        bench = opened()
        for number in (1, 2):
            bench.publish(f"v1/devices/me/rpc/response/{number}", b"{}", packet_id=7)
        assert [frame.request_id for frame in bench.link.take() if isinstance(frame, Reply)] == [1, 2]
        assert bench.line.written == packets.puback(V3_1_1, 7) * 2

    def test_authentication_packets_exist_only_in_version_5(self) -> None:
        old, new = opened(V3_1_1), opened(V5)
        for bench in (old, new):
            bench.session.receive(packets.packet(packets.AUTH << 4, b""))
        assert (old.line.open, new.line.open) == (False, True)

    @settings(max_examples=50)
    @given(st.lists(st.integers(1, 40), max_size=30))
    def test_packets_may_come_in_any_pieces(self, pieces: list[int]) -> None:
        bench = opened()
        stream = b"".join(
            packets.publish(V3_1_1, b"v1/devices/me/rpc/response/%d" % number, b"x" * number * 20, 1, number)
            for number in range(1, 12)
        )
        at = 0
        for piece in [*pieces, len(stream)]:
            if at < len(stream):
                bench.session.receive(stream[at : at + piece])
                at += piece
        frames = bench.link.take()
        assert [(frame.request_id, len(frame.payload)) for frame in frames if isinstance(frame, Reply)] == [
            (number, number * 20) for number in range(1, 12)
        ]
        assert bench.line.written == b"".join(packets.puback(V3_1_1, number) for number in range(1, 12))

    @settings(max_examples=300)
    @given(st.sampled_from(LEVELS), st.lists(st.binary(max_size=60), max_size=4), st.booleans())
    def test_no_bytes_bring_a_session_down(self, level: int, chunks: list[bytes], connected: bool) -> None:
        bench = opened(level) if connected else MqttBench(level)
        for chunk in chunks:
            bench.session.receive(chunk)
        bench.line.take()
        if bench.session.stage is Stage.CLOSED:
            assert not bench.line.open

    @settings(max_examples=300)
    @given(st.sampled_from(LEVELS), st.sampled_from(sorted(range(1, 16))), st.integers(0, 15), st.binary(max_size=40))
    def test_no_packet_brings_a_session_down(self, level: int, kind: int, flags: int, body: bytes) -> None:
        bench = opened(level)
        bench.session.receive(packets.packet(kind << 4 | flags, body))
        assert bench.line.open != (bench.session.stage is Stage.CLOSED)

    @pytest.mark.long
    @settings(max_examples=20_000, deadline=None)
    @given(st.sampled_from(LEVELS), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6))
    def test_no_damage_to_real_traffic_brings_a_session_down(self, level: int, damage: list[tuple[int, int]]) -> None:
        bench = MqttBench(level)
        traffic = bytearray(
            packets.connect(level, "a-device", "a-token", b"password")
            + packets.subscribe(level, 1, ((CALLS, 1), (RESPONSES, 0)))
            + packets.publish(level, b"v1/devices/me/telemetry", b'{"t":21.5}', 1, 2)
            + packets.publish(level, b"v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits"}', 1, 3)
            + packets.publish(level, b"v1/devices/me/rpc/response/41", b'{"ok":true}', 1, 4)
            + packets.puback(level, 1, 0x10)
            + packets.unsubscribe(level, 5, (CALLS,))
            + packets.disconnect(level)
        )
        for position, value in damage:
            traffic[position % len(traffic)] = value
        for at in range(0, len(traffic), 50):
            bench.session.receive(bytes(traffic[at : at + 50]))
            if bench.session.stage is Stage.CONNECTING:
                bench.let_in()
            bench.session.subscribed()
        bench.line.take()
        assert bench.line.open != (bench.session.stage is Stage.CLOSED)


def test_data_of_the_device_is_told_its_kind() -> None:
    bench = opened()
    bench.publish("v2/a", b'{"serial":7}')
    assert bench.link.take() == [DeviceData(1, 0, DataKind.DATA_KIND_ATTRIBUTES, b'{"serial":7}')]
