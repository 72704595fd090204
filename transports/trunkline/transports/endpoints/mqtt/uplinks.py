"""What a device's publishes mean: replies, telemetry, attributes and the device's own requests, each acknowledged."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import DeviceCall, DeviceData, Reply
from trunkline.transports.endpoints.mqtt.device_requests import DeviceRequest, DeviceRequests
from trunkline.transports.endpoints.mqtt.fields import Malformed
from trunkline.transports.endpoints.mqtt.packets import V5, Publish
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.session import MqttSession
from trunkline.transports.endpoints.mqtt.surroundings import Pause
from trunkline.transports.endpoints.mqtt.topics import (
    DEVICE_CALL_V1,
    REPLY_PREFIX,
    Answer,
    Meaning,
    Uplink,
    int32,
    meaning,
)
from trunkline.v1.transport_service_pb2 import DataKind, DisconnectCause

SESSION_LIMITS_METHOD: Final = "getSessionLimits"
"""Answered here, on the first version's topics only, as by ThingsBoard: its SDKs ask for it when they connect."""

TIMEOUT_ANSWER: Final = b'{"error":"timeout"}'
TOO_MANY_ANSWER: Final = b'{"error":"Too many requests of this device are unanswered"}'
NO_CHUNK_ANSWER: Final = b"NOT_FOUND"

_decode_json = msgspec.json.Decoder().decode
_encode_json = msgspec.json.Encoder().encode


class Unfit(Exception):
    """A publish's payload, or the id in its topic, is not what the topic demands."""


class Uplinks:
    """Takes what the sessions of one endpoint publish."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_asked = 0
        """The last id under which the core was asked."""
        self._takes: dict[Uplink, Callable[[MqttSession, Publish, Meaning], None]] = {
            Uplink.TELEMETRY: self._telemetry,
            Uplink.ATTRIBUTES: self._attributes,
            Uplink.ATTRIBUTES_REQUEST: self._attributes_request,
            Uplink.REPLY: lambda session, published, meant: self._reply(session, published, meant.rest),
            Uplink.DEVICE_CALL: self._device_call,
            Uplink.CLAIM: self._claim,
            Uplink.CHUNK_REQUEST: self._chunk_request,
            Uplink.GATEWAY: self._gateway,
        }

    def take(self, session: MqttSession, published: Publish) -> None:
        """Handle one publish and acknowledge it. Raises Malformed for an MQTT 5 topic alias, since none was offered."""
        topic = published.topic
        try:
            if topic.startswith(REPLY_PREFIX):
                self._reply(session, published, topic[len(REPLY_PREFIX) :])
            elif not topic:
                raise Malformed("a topic alias, but none was offered", ReasonCode.TOPIC_ALIAS_INVALID)
            elif (meant := meaning(topic)) is not None:
                self._takes[meant.uplink](session, published, meant)
            else:
                session.around.link.rejected("unknown_topic")
                session.acknowledge(published.packet_id, ReasonCode.TOPIC_NAME_INVALID)
        except Unfit:
            _refuse(session, published)

    def _reply(self, session: MqttSession, published: Publish, digits: str) -> None:
        """Any bytes are a reply: what they are worth, the caller's edge decides."""
        request_id = int32(digits)
        if request_id is None:
            raise Unfit
        link = session.around.link
        if request_id <= 0:  # no call ever had such an id
            link.rejected("unknown_request_id")
            session.acknowledge(published.packet_id)
            return
        reply = Reply(session.number, request_id, published.payload)
        try:
            taken = link.send(reply)
        except TrunklineError as error:
            link.rejected("reply_too_large")
            reply = Reply(session.number, request_id, error=_encode_json({"error": error.message}).decode())
            taken = link.send(reply)
        if not taken:
            link.rejected("reply_not_kept")
            return
        if not reply.keep:
            session.acknowledge(published.packet_id)
            return
        session.acknowledge(published.packet_id, reply_kept=request_id)
        if not link.reads(session.number):
            session.line.pause(Pause.KEPT_REPLIES)

    def _telemetry(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        """`{…}`, `{"ts":…,"values":{…}}` or an array of these."""
        value = _json(published.payload)
        if not isinstance(value, dict) and not (
            isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
        ):
            raise Unfit
        self._data(session, published, DataKind.DATA_KIND_TELEMETRY)

    def _attributes(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        _object(published.payload)
        self._data(session, published, DataKind.DATA_KIND_ATTRIBUTES)

    def _data(self, session: MqttSession, published: Publish, kind: DataKind.ValueType) -> None:
        """Acknowledged as soon as it waits for the core."""
        session.around.link.send(DeviceData(session.number, 0, kind, published.payload))
        session.acknowledge(published.packet_id)

    def _attributes_request(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        request_id, answer = _request(meant)
        _object(published.payload)
        session.acknowledge(published.packet_id)
        number = self._ask(session, answer, request_id, at_timeout=b"")
        if number:
            kind = DataKind.DATA_KIND_ATTRIBUTES_REQUEST
            session.around.link.send(DeviceData(session.number, number, kind, published.payload))

    def _device_call(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        request_id, answer = _request(meant)
        call = _object(published.payload)
        method = call.get("method")
        if isinstance(method, int | float) and not isinstance(method, bool):
            method = str(method)
        if not isinstance(method, str):
            raise Unfit
        session.acknowledge(published.packet_id)
        if method == SESSION_LIMITS_METHOD and answer is DEVICE_CALL_V1:
            session.publish(answer, b"%d" % request_id, session_limits(session))
            return
        number = self._ask(session, answer, request_id, at_timeout=TIMEOUT_ANSWER)
        if not number:
            session.publish(answer, b"%d" % request_id, TOO_MANY_ANSWER)
            return
        params = bytes(_decode_call(published.payload).params)
        due = self._clock() + session.around.settings.device_call_timeout_ms
        session.around.link.send(DeviceCall(session.number, number, method, params, due))

    def _ask(self, session: MqttSession, answer: Answer, request_id: int, *, at_timeout: bytes) -> int:
        """The id under which to ask the core; 0 if the device has too many requests open."""
        around = session.around
        requests = session.requests
        if requests is None:
            requests = session.requests = DeviceRequests()
        if len(requests) >= around.settings.max_queued_packets:
            around.link.rejected("too_many_requests")
            return 0
        self._last_asked += 1
        due_ms = self._clock() - around.stood_ms + around.settings.device_call_timeout_ms
        requests.add(self._last_asked, DeviceRequest(answer, request_id, due_ms, at_timeout))
        around.waiting.add(session)
        return self._last_asked

    def _claim(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        """Acknowledged and otherwise ignored: devices cannot be claimed here."""
        if published.payload:
            _object(published.payload)
        session.acknowledge(published.packet_id)

    def _chunk_request(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        """There is no firmware here: what ThingsBoard answers where it has none."""
        assert meant.answer is not None  # the topic table gives one to every chunk request
        session.acknowledge(published.packet_id)
        session.publish(meant.answer, b"", NO_CHUNK_ANSWER)

    def _gateway(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        """Gateways' topics are not served; whether the device is a gateway decides what it is told."""
        session.around.link.rejected("gateway_topic")
        code = ReasonCode.TOPIC_NAME_INVALID if session.gateway else ReasonCode.NOT_AUTHORIZED
        session.acknowledge(published.packet_id, code)


def session_limits(session: MqttSession) -> bytes:
    """What getSessionLimits answers; the key order is ThingsBoard's. There are no rate limits: null."""
    rates = {"messages": None, "telemetryMessages": None, "telemetryDataPoints": None}
    settings = session.around.settings
    limits: dict[str, Any] = {
        "maxPayloadSize": settings.max_packet_bytes,
        "maxInflightMessages": settings.max_queued_packets,
        "rateLimits": rates,
    }
    if session.gateway:
        limits["gatewayRateLimits"] = rates
    return _encode_json(limits)


def _refuse(session: MqttSession, published: Publish) -> None:
    """MQTT 5 tells the device at QoS 1; else the connection ends, since nothing else can say that it was lost."""
    session.around.link.rejected("payload")
    if session.level == V5 and published.packet_id:
        session.acknowledge(published.packet_id, ReasonCode.PAYLOAD_FORMAT_INVALID)
    else:
        session.end(DisconnectCause.DISCONNECT_CAUSE_PROTOCOL_ERROR, ReasonCode.PAYLOAD_FORMAT_INVALID)


class _Call(msgspec.Struct):
    """The one part of a device's call that must stay as it was written."""

    params: msgspec.Raw = msgspec.Raw(b"null")


_decode_call = msgspec.json.Decoder(_Call).decode


def _json(payload: bytes) -> Any:
    try:
        return _decode_json(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unfit from None


def _object(payload: bytes) -> dict[str, Any]:
    value = _json(payload)
    if not isinstance(value, dict):
        raise Unfit
    return value


def _request(meant: Meaning) -> tuple[int, Answer]:
    request_id = int32(meant.rest)
    if request_id is None or meant.answer is None:
        raise Unfit
    return request_id, meant.answer
