"""One device's MQTT connection as a pure object: packets in, packets and frames out, no socket and no clock.

The stages are NEW (nothing but CONNECT is taken), CONNECTING (the core is asked; packets queue), OPEN and CLOSED. What
a device's publish means is in `uplinks.py`. There may be tens of thousands of these objects, nearly all of them idle:
what only a busy one needs exists only once it is busy.
"""

from enum import Enum, auto
from typing import Final

import msgspec

from trunkline.contract.streams.frames import (
    CloseSession,
    Connected,
    DeliveryReport,
    DeviceCallAnswer,
    DeviceDataAnswer,
    MqttProfile,
    Refused,
)
from trunkline.transports.endpoints.mqtt import endings, packets
from trunkline.transports.endpoints.mqtt.client_limits import NO_LIMITS, ClientLimits, client_limits
from trunkline.transports.endpoints.mqtt.congestion import Congestion
from trunkline.transports.endpoints.mqtt.connack import accepting_connack, refusal, refusing_connack
from trunkline.transports.endpoints.mqtt.connecting import Connecting
from trunkline.transports.endpoints.mqtt.delivering import LONGEST_HEADER, publish_call
from trunkline.transports.endpoints.mqtt.device_requests import DeviceRequests
from trunkline.transports.endpoints.mqtt.endings import Ending
from trunkline.transports.endpoints.mqtt.fields import Malformed
from trunkline.transports.endpoints.mqtt.held_acks import HeldAcks
from trunkline.transports.endpoints.mqtt.inflight import NEVER, Inflight
from trunkline.transports.endpoints.mqtt.packets import V5
from trunkline.transports.endpoints.mqtt.rate_limits import DeviceRates
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.subscribing import subscribe, unsubscribe
from trunkline.transports.endpoints.mqtt.subscriptions import Subscriptions
from trunkline.transports.endpoints.mqtt.surroundings import Line, Pause, Surroundings
from trunkline.transports.endpoints.mqtt.topics import Answer
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DeliveryState

_encode_json = msgspec.json.Encoder().encode


class Stage(Enum):
    NEW = auto()
    CONNECTING = auto()
    OPEN = auto()
    CLOSED = auto()


# Looked up once: an enum's member costs more than the rest of a line, and these stand on the path of every call.
_OPEN: Final = Stage.OPEN
_CLOSED: Final = Stage.CLOSED
_DELIVERED: Final = DeliveryState.DELIVERY_STATE_DELIVERED


class MqttSession:
    """One connection, from accept to close. The server feeds it; the worker calls it as a DeviceSession."""

    __slots__ = (
        "_buffer",
        "_connecting",
        "_held",
        "_needed",
        "around",
        "congestion",
        "gateway",
        "heard",
        "heard_ms",
        "inflight",
        "keep_alive_s",
        "level",
        "limits",
        "line",
        "number",
        "profile_id",
        "rates",
        "requests",
        "stage",
        "subscriptions",
    )

    def __init__(self, around: Surroundings, line: Line) -> None:
        self.around = around
        self.line = line
        self.stage = Stage.NEW
        self.number = 0
        """The session's number on the link; 0 before CONNECT and after a refusal."""
        self.level = packets.V3_1_1
        self.limits: ClientLimits = NO_LIMITS
        self.gateway = False
        self.profile_id = b""
        self.rates: DeviceRates | None = None
        """None: the device may say as much as it likes."""
        self.congestion: Congestion | None = None
        """The socket takes no more for now."""
        self.heard = False
        """Something came since the last sweep; its time is not looked up for each packet."""
        self.heard_ms = around.now_ms
        """When the device last said something, to a sweep's precision; of a CLOSED session: when it was closed."""
        self.keep_alive_s = 0
        self.requests: DeviceRequests | None = None
        self.subscriptions = Subscriptions()
        self.inflight: Inflight | None = None
        self._connecting: Connecting | None = None
        self._buffer: bytearray | None = None
        self._needed = 0
        """A packet that is not yet whole, and how many bytes it takes to go on."""
        self._held: HeldAcks | None = None

    # --- packets from the device ---

    def receive(self, data: bytes) -> None:
        """Take what the socket gave."""
        self.heard = True
        buffer = self._buffer
        if buffer is not None:
            buffer += data
            if len(buffer) < self._needed:
                return
            data = bytes(buffer)
            self._buffer = None
        at = 0
        end = len(data)
        limit = self.around.settings.max_packet_bytes
        try:
            while at < end and self.stage is not _CLOSED:
                place = packets.packet_at(data, at, limit)
                if place is None or place[1] > end:
                    self._buffer = bytearray(data[at:])
                    self._needed = end - at + 1 if place is None else place[1] - at
                    return
                self._take(data[at], data[place[0] : place[1]])
                at = place[1]
        except Malformed as problem:
            self._violated(problem)

    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if self.stage is not _OPEN:
            self._take_early(first, body)
        elif kind == packets.PUBLISH:
            self.around.publishes.take(self, packets.decode_publish(first, body, self.level))
        elif first == packets.PUBACK_FIRST:
            self._acknowledged(packets.decode_puback(body, self.level)[0])
        else:
            self._take_other(packets.check_flags(first, self.level), body)

    def _take_early(self, first: int, body: bytes) -> None:
        if self.stage is Stage.NEW:
            if packets.check_flags(first, self.level) != packets.CONNECT:
                raise Malformed("The first packet is not CONNECT", ReasonCode.PROTOCOL_ERROR)
            self._connect(packets.decode_connect(body))
        elif self._connecting is not None:
            if len(self._connecting.queued) >= self.around.settings.max_queued_packets:
                self.around.link.rejected("connect_queue_full")
                self.end(endings.QUEUE_FULL)
            elif not self._connecting.add(first, body):
                self.line.pause(Pause.CONNECTING)

    def _take_other(self, kind: int, body: bytes) -> None:
        if kind == packets.PINGREQ:
            self.line.write(packets.PINGRESP_PACKET)
        elif kind == packets.SUBSCRIBE:
            subscribe(self, packets.decode_subscribe(body, self.level))
        elif kind == packets.UNSUBSCRIBE:
            unsubscribe(self, packets.decode_unsubscribe(body, self.level))
        elif kind == packets.DISCONNECT:
            packets.decode_disconnect(body, self.level)
            self.end(endings.LEFT)
        elif kind == packets.CONNECT:
            raise Malformed("A second CONNECT", ReasonCode.PROTOCOL_ERROR)
        elif kind == 0 or (kind == packets.AUTH and self.level != V5):
            raise Malformed("A reserved packet kind")
        # The rest belongs to QoS 2, to enhanced authentication or to servers: ignored, as by ThingsBoard.

    def _violated(self, problem: Malformed) -> None:
        self.around.link.rejected("malformed_packet")
        self.end(endings.violation(str(problem), problem.reason))

    # --- CONNECT and its answer ---

    def _connect(self, packet: packets.Connect) -> None:
        around = self.around
        self.level = packet.level
        self.keep_alive_s = packet.keep_alive_s
        self.heard_ms = around.now_ms
        self.limits = client_limits(packet)
        self._connecting = Connecting(packet)
        self.stage = Stage.CONNECTING
        self.number = around.link.opened(self)
        max_inflight = min(self.limits.receive_maximum, around.settings.max_inflight)
        around.link.send(self._connecting.frame(self.number, max_inflight, self.line.certificate))

    def connected(self, frame: Connected) -> None:
        """The core let the device in: CONNACK, then what the device sent meanwhile."""
        connecting = self._connecting
        if connecting is None:
            return
        around = self.around
        self.gateway = frame.gateway
        profile = around.link.profile(frame.profile_id)
        self.profile_id = frame.profile_id if profile is None else profile.profile_id  # one object for all its devices
        if around.failed_logins is not None:
            around.failed_logins.succeeded(self.line.address)
        if around.rate_limits is not None:
            self.rates = around.rate_limits.of(frame.device_id)
            if not self.rates.message():
                around.link.rejected("rate_limit")
                self.refuse(ReasonCode.CONNECTION_RATE_EXCEEDED, endings.TOO_FAST.why)
                return
        accepted = accepting_connack(connecting.packet, self.number, around.settings)
        if len(accepted) > self.limits.packet_bytes:
            self.takes_too_little()
            return
        self.stage = Stage.OPEN
        self._connecting = None
        self.line.write(accepted)
        self.line.resume(Pause.CONNECTING)
        try:
            for first, body in connecting.queued:
                if self.stage is Stage.OPEN:
                    self._take(first, body)
        except Malformed as problem:
            self._violated(problem)

    def refused(self, frame: Refused) -> None:
        """The core did not let the device in."""
        if self._connecting is None:
            return
        self.number = 0
        around = self.around
        if frame.reason == ErrorReason.ERROR_REASON_BAD_CREDENTIALS and around.failed_logins is not None:
            around.failed_logins.failed(self.line.address, around.now_ms)
        packet = self._connecting.packet
        self.refuse(refusal(packet, frame.reason, certificate=bool(self.line.certificate)), frame.detail)

    def refuse(self, code: ReasonCode, why: str = "") -> None:
        """CONNACK with `code`, and the end. MQTT 5 clients get a DISCONNECT too, as from ThingsBoard."""
        self.line.write(self.limits.word(lambda reason: refusing_connack(self.level, code, reason), why))
        self.end(endings.refused(code, certificate=bool(self.line.certificate)))

    # --- subscriptions ---

    def subscribed(self) -> None:
        """The core applied the oldest pending subscription: SUBACK."""
        self.line.write(self.subscriptions.applied())

    def mqtt_profile(self) -> MqttProfile | None:
        """How the device's profile departs from the standard topics, as it is now; None: not at all."""
        profile = self.around.link.profile(self.profile_id)
        return profile.mqtt if profile is not None else None

    # --- calls to the device ---

    deliver = publish_call
    """Assigned and not wrapped: it is on the path of every call."""

    def _acknowledged(self, packet_id: int) -> None:
        if self.inflight is None:
            return
        request_id = self.inflight.acknowledged(packet_id)
        if request_id:
            self.around.link.send(DeliveryReport(self.number, request_id, _DELIVERED))

    def withdraw(self, request_id: int) -> None:
        """Nothing to take back: a call is on the socket as soon as it is here."""

    # --- acknowledging and answering the device ---

    def acknowledge(
        self, packet_id: int, code: ReasonCode = ReasonCode.SUCCESS, why: str = "", *, reply_kept: int = 0
    ) -> None:
        """PUBACK a publish; with `reply_kept`, a request id, once that reply is stored, and later ones behind it.

        QoS 2 is acknowledged like QoS 1, as by ThingsBoard: it is not offered. At QoS 0 (packet id 0) nothing is sent.
        """
        if not packet_id:
            return
        if not (why or reply_kept or self._held):
            self.line.write(packets.puback(self.level, packet_id, code))
            return
        puback = self.limits.word(lambda reason: packets.puback(self.level, packet_id, code, reason), why)
        if not (reply_kept or self._held):
            self.line.write(puback)
            return
        held = self._held = self._held or HeldAcks()
        held.add(puback, reply_kept)
        if len(held) >= self.around.settings.max_queued_packets or not self.around.link.reads(self.number):
            self.line.pause(Pause.KEPT_REPLIES)

    def reply_stored(self, request_id: int) -> None:
        """The core stored a reply: PUBACK it, and what was held behind it."""
        held = self._held
        if held is not None:
            for puback in held.stored(request_id):
                self.line.write(puback)
            self._held = held or None
        if self.around.link.reads(self.number) and not self._held:
            self.line.resume(Pause.KEPT_REPLIES)

    def publish(self, answer: Answer, suffix: bytes, body: bytes) -> None:
        """Publish an answer, subscribed or not, at the QoS of the filter that covers it, else 1; 0 if too many are
        unacknowledged already."""
        if self.stage is _CLOSED:
            return  # an answer before this one was too much
        topic = answer.topic + suffix
        size = len(topic) + len(body) + LONGEST_HEADER
        if size > self.limits.packet_bytes:
            self.around.link.rejected("answer_over_maximum_packet_size")
            return
        if self.congestion is not None and not self.congestion.takes(size):
            self.around.link.rejected("slow_device")
            self.end(endings.SLOW)
            return
        qos = packet_id = 0
        if self.subscriptions.qos_of(answer.bit):
            inflight = self.inflight
            if inflight is None:
                inflight = self.inflight = Inflight()
            if len(inflight) < min(self.limits.receive_maximum, self.around.settings.max_queued_packets):
                qos, packet_id = 1, inflight.add(0, NEVER)
        self.line.write(packets.publish(self.level, topic, body, qos, packet_id))

    def answer(self, frame: DeviceCallAnswer) -> None:
        """The core answered the device's own call."""
        self._answer(frame.id, frame.payload if frame.error is None else _encode_json({"error": frame.error}))

    def data_answer(self, frame: DeviceDataAnswer) -> None:
        """The core answered an attributes request."""
        self._answer(frame.id, frame.payload)

    def _answer(self, number: int, body: bytes) -> None:
        request = self.requests.answered(number) if self.requests is not None else None
        if request is not None:
            self.publish(request.answer, b"%d" % request.request_id, body)

    # --- the end ---

    def close(self, frame: CloseSession) -> None:
        """The core ends the session."""
        self.end(endings.closing(frame.reason))

    def end(self, ending: Ending) -> None:
        """End the connection, whatever its stage; MQTT 5 devices are told why. Ending twice is harmless."""
        if self.stage is Stage.CLOSED:
            return
        code = ending.code
        if code is not None and self.level == V5 and self.stage is not Stage.NEW:
            self.line.write(self.limits.word(lambda why: packets.disconnect(V5, code, why), ending.why))
        self.stage = Stage.CLOSED
        self.heard_ms = self.around.now_ms
        self.line.close()
        self.around.waiting.discard(self)
        if self.number:
            self.around.link.closed(self.number, ending.cause)
        self._buffer = self._connecting = self.congestion = None
        self.inflight = self._held = self.requests = None
        self.subscriptions = Subscriptions()

    def takes_too_little(self) -> None:
        """An answer that cannot be left out is over the device's Maximum Packet Size."""
        self.around.link.rejected("maximum_packet_size")
        self.end(endings.TOO_SMALL)
