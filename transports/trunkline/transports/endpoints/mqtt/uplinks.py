"""What a device's publishes mean: replies, telemetry, attributes and the device's own requests, each acknowledged."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import DeviceCall, DeviceData, Reply
from trunkline.transports.endpoints.mqtt import endings
from trunkline.transports.endpoints.mqtt.device_requests import DeviceRequest, DeviceRequests
from trunkline.transports.endpoints.mqtt.fields import Malformed
from trunkline.transports.endpoints.mqtt.packets import V5, Publish
from trunkline.transports.endpoints.mqtt.payloads import Unfit, json_object, telemetry_points
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.session import MqttSession
from trunkline.transports.endpoints.mqtt.surroundings import Pause
from trunkline.transports.endpoints.mqtt.topic_filters import matches
from trunkline.transports.endpoints.mqtt.topics import (
    DEVICE_CALL_V1,
    REPLY_PREFIX,
    Answer,
    Meaning,
    Uplink,
    int32,
    meaning,
)
from trunkline.v1.transport_service_pb2 import DataKind

SESSION_LIMITS_METHOD: Final = "getSessionLimits"
"""Answered here, on the first version's topics only, as by ThingsBoard: its SDKs ask for it when they connect."""

TIMEOUT_ANSWER: Final = b'{"error":"timeout"}'
TOO_MANY_ANSWER: Final = b'{"error":"Too many requests of this device are unanswered"}'
NO_CHUNK_ANSWER: Final = b"NOT_FOUND"

_PROFILES_ATTRIBUTES: Final = Meaning(Uplink.ATTRIBUTES)
_PROFILES_TELEMETRY: Final = Meaning(Uplink.TELEMETRY)

_encode_json = msgspec.json.Encoder().encode


class TooFast(Exception):
    """The device says more than its rate limits allow."""


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
                raise Malformed("A topic alias, but none was offered", ReasonCode.TOPIC_ALIAS_INVALID)
            elif (meant := _meaning(session, topic)) is not None:
                self._takes[meant.uplink](session, published, meant)
            else:
                _charge(session)
                session.around.link.rejected("unknown_topic")
                session.acknowledge(published.packet_id, ReasonCode.TOPIC_NAME_INVALID, "No topic for a device")
        except Unfit as problem:
            _refuse(session, published, str(problem))
        except TooFast:
            session.around.link.rejected("rate_limit")
            session.end(endings.TOO_FAST)

    def _reply(self, session: MqttSession, published: Publish, digits: str) -> None:
        """Any bytes are a reply: what they are worth, the caller's edge decides."""
        request_id = int32(digits)
        if request_id is None:
            raise Unfit("The id in the topic is not an integer of 32 bits")
        if session.rates is not None:
            _charge(session)
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
        self._data(session, published, DataKind.DATA_KIND_TELEMETRY, telemetry_points(published.payload))

    def _attributes(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        self._data(session, published, DataKind.DATA_KIND_ATTRIBUTES, len(json_object(published.payload)))

    def _data(self, session: MqttSession, published: Publish, kind: DataKind.ValueType, points: int) -> None:
        """Acknowledged as soon as it waits for the core."""
        if session.rates is not None and not session.rates.data(points):
            raise TooFast
        session.around.link.send(DeviceData(session.number, 0, kind, published.payload))
        session.acknowledge(published.packet_id)

    def _attributes_request(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        request_id, answer = _request(meant)
        json_object(published.payload)
        _charge(session)
        session.acknowledge(published.packet_id)
        number = self._ask(session, answer, request_id, at_timeout=b"")
        if number:
            kind = DataKind.DATA_KIND_ATTRIBUTES_REQUEST
            session.around.link.send(DeviceData(session.number, number, kind, published.payload))

    def _device_call(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        request_id, answer = _request(meant)
        call = json_object(published.payload)
        method = call.get("method")
        if isinstance(method, int | float) and not isinstance(method, bool):
            method = str(method)
        if not isinstance(method, str):
            raise Unfit("`method` is missing or no text")
        asks_for_limits = method == SESSION_LIMITS_METHOD and answer is DEVICE_CALL_V1
        if not asks_for_limits:
            _charge(session)
        session.acknowledge(published.packet_id)
        if asks_for_limits:
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
            json_object(published.payload)
        _charge(session)
        session.acknowledge(published.packet_id)

    def _chunk_request(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        """There is no firmware here: what ThingsBoard answers where it has none."""
        assert meant.answer is not None  # the topic table gives one to every chunk request
        _charge(session)
        session.acknowledge(published.packet_id)
        session.publish(meant.answer, b"", NO_CHUNK_ANSWER)

    def _gateway(self, session: MqttSession, published: Publish, meant: Meaning) -> None:
        """Gateways' topics are not served; whether the device is a gateway decides what it is told."""
        _charge(session)
        session.around.link.rejected("gateway_topic")
        if session.gateway:
            session.acknowledge(published.packet_id, ReasonCode.TOPIC_NAME_INVALID, "Gateways are not served yet")
        else:
            session.acknowledge(published.packet_id, ReasonCode.NOT_AUTHORIZED, "The device is not a gateway")


def session_limits(session: MqttSession) -> bytes:
    """What getSessionLimits answers; the key order is ThingsBoard's. What is not limited is null."""
    settings = session.around.settings
    limits: dict[str, Any] = {
        "maxPayloadSize": settings.max_packet_bytes,
        "maxInflightMessages": settings.max_queued_packets,
        "rateLimits": {
            "messages": settings.rate_limit_messages or None,
            "telemetryMessages": settings.rate_limit_telemetry_messages or None,
            "telemetryDataPoints": settings.rate_limit_telemetry_data_points or None,
        },
    }
    if session.gateway:
        limits["gatewayRateLimits"] = {"messages": None, "telemetryMessages": None, "telemetryDataPoints": None}
    return _encode_json(limits)


def _meaning(session: MqttSession, topic: str) -> Meaning | None:
    """A profile's own topics come before the standard ones for data, but never before calls and other requests."""
    meant = meaning(topic)
    if meant is None or meant.uplink is Uplink.TELEMETRY or meant.uplink is Uplink.ATTRIBUTES:
        profile = session.mqtt_profile()
        if profile is not None:
            if matches(profile.attributes_topic, topic):
                return _PROFILES_ATTRIBUTES
            if matches(profile.telemetry_topic, topic):
                return _PROFILES_TELEMETRY
    return meant


def _charge(session: MqttSession) -> None:
    """Count a message without data points against the device's rate limits."""
    if session.rates is not None and not session.rates.message():
        raise TooFast


def _refuse(session: MqttSession, published: Publish, why: str) -> None:
    """MQTT 5 tells the device at QoS 1; else the connection ends, since nothing else can say that it was lost. A
    profile may want MQTT 3 devices told instead that all is well, as ThingsBoard's may."""
    session.around.link.rejected("payload")
    profile = session.mqtt_profile()
    if published.packet_id and (session.level == V5 or (profile is not None and profile.acknowledge_invalid)):
        session.acknowledge(published.packet_id, ReasonCode.PAYLOAD_FORMAT_INVALID, why)
    else:
        session.end(endings.violation(why, ReasonCode.PAYLOAD_FORMAT_INVALID))


class _Call(msgspec.Struct):
    """The one part of a device's call that must stay as it was written."""

    params: msgspec.Raw = msgspec.Raw(b"null")


_decode_call = msgspec.json.Decoder(_Call).decode


def _request(meant: Meaning) -> tuple[int, Answer]:
    request_id = int32(meant.rest)
    if request_id is None or meant.answer is None:
        raise Unfit("The id in the topic is not an integer of 32 bits")
    return request_id, meant.answer
