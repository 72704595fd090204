"""One device's MQTT connection as a pure object: packets in, packets and frames out, no socket and no clock.

The stages are NEW (nothing but CONNECT is taken), CONNECTING (the core is asked; packets queue), OPEN and CLOSED. What
a device's publish means is in `uplinks.py`. There may be tens of thousands of these objects, nearly all of them idle:
what only a busy one needs exists only once it is busy.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final

import msgspec

from trunkline.contract.streams.frames import (
    CloseSession,
    Connect,
    Connected,
    Deliver,
    DeliveryReport,
    DeviceCallAnswer,
    DeviceDataAnswer,
    MqttBasic,
    Refused,
    Reply,
    Subscribe,
    Unsubscribe,
)
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.connack import AFTER_REFUSAL, client_limit, offer, refusal
from trunkline.transports.endpoints.mqtt.device_requests import DeviceRequests
from trunkline.transports.endpoints.mqtt.fields import Malformed, PropertyId
from trunkline.transports.endpoints.mqtt.held_acks import HeldAcks
from trunkline.transports.endpoints.mqtt.inflight import LARGEST_PACKET_ID, NEVER, Inflight
from trunkline.transports.endpoints.mqtt.packets import V5
from trunkline.transports.endpoints.mqtt.reason_codes import V3_RETURN_CODES, ReasonCode
from trunkline.transports.endpoints.mqtt.subscriptions import Subscriptions
from trunkline.transports.endpoints.mqtt.surroundings import Line, Pause, Surroundings
from trunkline.transports.endpoints.mqtt.topics import Answer
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, DisconnectCause, SessionKind

QUEUED_BYTES: Final = 64 * 1024
"""What a device may send before its CONNECT is answered; then it is not read."""

ANY_SIZE: Final = packets.LARGEST_REMAINING
_CLOSINGS: Final[Mapping[ErrorReason.ValueType, ReasonCode]] = {
    ErrorReason.ERROR_REASON_SESSION_SUPERSEDED: ReasonCode.SESSION_TAKEN_OVER,
    ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED: ReasonCode.ADMINISTRATIVE_ACTION,
    ErrorReason.ERROR_REASON_DEVICE_DELETED: ReasonCode.ADMINISTRATIVE_ACTION,
    ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND: ReasonCode.ADMINISTRATIVE_ACTION,
}

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
        "_inflight",
        "_largest_packet",
        "_needed",
        "_queued",
        "_receive_maximum",
        "_subscriptions",
        "around",
        "congested",
        "gateway",
        "heard",
        "heard_ms",
        "keep_alive_s",
        "level",
        "line",
        "number",
        "requests",
        "stage",
    )

    def __init__(self, around: Surroundings, line: Line) -> None:
        self.around = around
        self.line = line
        self.stage = Stage.NEW
        self.number = 0
        """The session's number on the link; 0 before CONNECT and after a refusal."""
        self.level = packets.V3_1_1
        self.gateway = False
        self.congested = False
        """The socket takes no more for now."""
        self.heard = False
        """Something came since the last sweep; its time is not looked up for each packet."""
        self.heard_ms = around.now_ms
        """When the device last said something, to a sweep's precision; of a CLOSED session: when it was closed."""
        self.keep_alive_s = 0
        self.requests: DeviceRequests | None = None
        self._connecting: packets.Connect | None = None
        self._queued: list[tuple[int, bytes]] | None = None
        """Packets that came before CONNECT was answered."""
        self._buffer: bytearray | None = None
        self._needed = 0
        """A packet that is not yet whole, and how many bytes it takes to go on."""
        self._subscriptions = Subscriptions()
        self._inflight: Inflight | None = None
        self._receive_maximum = LARGEST_PACKET_ID
        self._largest_packet = ANY_SIZE
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
        place = None
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
        elif kind == packets.PUBACK:
            packets.check_flags(first)
            self._acknowledged(packets.decode_puback(body, self.level)[0])
        else:
            self._take_other(packets.check_flags(first), body)

    def _take_early(self, first: int, body: bytes) -> None:
        if self.stage is Stage.NEW:
            if packets.check_flags(first) != packets.CONNECT:
                raise Malformed("the first packet is not CONNECT", ReasonCode.PROTOCOL_ERROR)
            self._connect(packets.decode_connect(body))
        elif self.stage is Stage.CONNECTING:
            queued = self._queued = self._queued or []
            if len(queued) >= self.around.settings.max_queued_packets:
                self.around.link.rejected("connect_queue_full")
                self.end(DisconnectCause.DISCONNECT_CAUSE_PROTOCOL_ERROR, ReasonCode.QUOTA_EXCEEDED)
                return
            queued.append((first, body))
            if sum(len(waiting) for _, waiting in queued) > QUEUED_BYTES:
                self.line.pause(Pause.CONNECTING)

    def _take_other(self, kind: int, body: bytes) -> None:
        if kind == packets.PINGREQ:
            self.line.write(packets.PINGRESP_PACKET)
        elif kind == packets.SUBSCRIBE:
            self._subscribe(packets.decode_subscribe(body, self.level))
        elif kind == packets.UNSUBSCRIBE:
            self._unsubscribe(packets.decode_unsubscribe(body, self.level))
        elif kind == packets.DISCONNECT:
            packets.decode_disconnect(body, self.level)
            self.end(DisconnectCause.DISCONNECT_CAUSE_CLIENT, ReasonCode.SUCCESS)
        elif kind == packets.CONNECT:
            raise Malformed("a second CONNECT", ReasonCode.PROTOCOL_ERROR)
        elif kind == 0 or (kind == packets.AUTH and self.level != V5):
            raise Malformed("a reserved packet kind")
        # The rest belongs to QoS 2, to enhanced authentication or to servers: ignored, as by ThingsBoard.

    def _violated(self, problem: Malformed) -> None:
        self.around.link.rejected("malformed_packet")
        self.end(DisconnectCause.DISCONNECT_CAUSE_PROTOCOL_ERROR, problem.reason)

    # --- CONNECT and its answer ---

    def _connect(self, packet: packets.Connect) -> None:
        around = self.around
        self.level = packet.level
        self.keep_alive_s = packet.keep_alive_s
        self.heard_ms = around.now_ms
        self._connecting = packet
        self._receive_maximum = client_limit(packet, PropertyId.RECEIVE_MAXIMUM, LARGEST_PACKET_ID)
        self._largest_packet = client_limit(packet, PropertyId.MAXIMUM_PACKET_SIZE, ANY_SIZE)
        self.stage = Stage.CONNECTING
        self.number = around.link.opened(self)
        around.link.send(
            Connect(
                self.number,
                SessionKind.SESSION_KIND_ASYNCHRONOUS,
                min(self._receive_maximum, around.settings.max_inflight),
                **self._credentials(packet),
            )
        )

    def _credentials(self, packet: packets.Connect) -> dict[str, Any]:
        """What the core is shown: a certificate stands alone, as in ThingsBoard."""
        if self.line.certificate:
            return {"certificate_der": self.line.certificate}
        password = (packet.password or b"").decode(errors="replace")
        return {"mqtt_basic": MqttBasic(packet.client_id, packet.user_name or "", password)}

    def connected(self, frame: Connected) -> None:
        """The core let the device in: CONNACK, then what the device sent meanwhile."""
        if self.stage is not Stage.CONNECTING or self._connecting is None:
            return
        self.stage = Stage.OPEN
        self.gateway = frame.gateway
        offered = offer(self._connecting, self.number, self.around.settings.max_packet_bytes)
        self.line.write(packets.connack(self.level, 0, offered))
        self._connecting = None
        queued, self._queued = self._queued, None
        self.line.resume(Pause.CONNECTING)
        try:
            for first, body in queued or ():
                if self.stage is Stage.OPEN:
                    self._take(first, body)
        except Malformed as problem:
            self._violated(problem)

    def refused(self, frame: Refused) -> None:
        """The core did not let the device in."""
        if self.stage is not Stage.CONNECTING or self._connecting is None:
            return
        self.number = 0
        self.refuse(refusal(self._connecting, frame.reason, certificate=bool(self.line.certificate)))

    def refuse(self, code: ReasonCode) -> None:
        """CONNACK with `code`, and the end. MQTT 5 clients get a DISCONNECT too, as from ThingsBoard."""
        self.line.write(packets.connack(self.level, code if self.level == V5 else V3_RETURN_CODES[code]))
        self.end(DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE, AFTER_REFUSAL.get(code, code))

    # --- subscriptions ---

    def _subscribe(self, packet: packets.Subscribe) -> None:
        granted = self._subscriptions.grant(packet, self.level)
        if granted.refused:
            self.around.link.rejected("topic_filter")
        calls = granted.calls_to is not None
        if not calls and not granted.attributes:
            self.line.write(granted.suback)
            return
        self._subscriptions.wait(granted)
        acknowledgement = Acknowledgement.ACKNOWLEDGEMENT_UNSPECIFIED
        if calls:
            acknowledgement = (
                Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
                if granted.calls_qos
                else Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
            )
        self.around.link.send(Subscribe(self.number, calls, granted.attributes, acknowledgement))

    def subscribed(self) -> None:
        """The core applied the oldest pending subscription: SUBACK."""
        self.line.write(self._subscriptions.applied())

    def _unsubscribe(self, packet: packets.Unsubscribe) -> None:
        dropped = self._subscriptions.drop(packet, self.level)
        if dropped.calls or dropped.attributes:
            self.around.link.send(Unsubscribe(self.number, dropped.calls, dropped.attributes))
        self.line.write(dropped.unsuback)

    # --- calls to the device ---

    def deliver(self, call: Deliver, now: int) -> bool:
        """Publish a call: exactly `{"method":…,"params":…}`, the request id is in the topic."""
        subscriptions = self._subscriptions
        calls_to = subscriptions.calls_to
        if calls_to is None or self.congested or self.stage is not _OPEN:
            return False
        topic = b"%b%d" % (calls_to, call.request_id)
        body = b'{"method":%b,"params":%b}' % (_encode_json(call.method), call.params or b"null")
        if len(topic) + len(body) + 16 > self._largest_packet:  # 16: more than any header without properties
            self._too_large(call)
            return False
        if not subscriptions.calls_qos:
            self.line.write(packets.publish(self.level, topic, body))
            return True
        inflight = self._inflight
        if inflight is None:
            inflight = self._inflight = Inflight()
        if len(inflight) >= self._receive_maximum:
            return False
        around = self.around
        due_ms = now - around.stood_ms + max(0, min(around.settings.ack_timeout_ms, call.deadline_ms - now))
        packet_id = inflight.add(call.request_id, due_ms)
        around.waiting.add(self)
        self.line.write(packets.publish(self.level, topic, body, 1, packet_id))
        return True

    def _too_large(self, call: Deliver) -> None:
        self.around.link.rejected("call_over_maximum_packet_size")
        text = f"The device takes packets of at most {self._largest_packet} bytes; this call needs a larger one"
        error = _encode_json({"result": "INVALID_ARGUMENTS", "error": text}).decode()
        self.around.link.send(Reply(self.number, call.request_id, error=error))

    def _acknowledged(self, packet_id: int) -> None:
        if self._inflight is None:
            return
        request_id = self._inflight.acknowledged(packet_id)
        if request_id:
            self.around.link.send(DeliveryReport(self.number, request_id, _DELIVERED))

    def withdraw(self, request_id: int) -> None:
        """Nothing to take back: a call is on the socket as soon as it is here."""

    # --- acknowledging and answering the device ---

    def acknowledge(self, packet_id: int, reason: ReasonCode = ReasonCode.SUCCESS, *, reply_kept: int = 0) -> None:
        """PUBACK a publish; with `reply_kept`, a request id, once that reply is stored, and later ones behind it.

        QoS 2 is acknowledged like QoS 1, as by ThingsBoard: it is not offered. At QoS 0 (packet id 0) nothing is sent.
        """
        if not packet_id:
            return
        if reply_kept or self._held:
            self._held = self._held or HeldAcks()
            self._held.add(packet_id, reply_kept)
            return
        self.line.write(packets.puback(self.level, packet_id, reason))

    def reply_stored(self, request_id: int) -> None:
        """The core stored a reply: PUBACK it, and what was held behind it."""
        if self._held:
            for packet_id in self._held.stored(request_id):
                self.line.write(packets.puback(self.level, packet_id))
            self._held = self._held or None
        if self.around.link.reads(self.number):
            self.line.resume(Pause.KEPT_REPLIES)

    def publish(self, answer: Answer, suffix: bytes, body: bytes) -> None:
        """Publish an answer, subscribed or not, at the QoS of the filter that covers it, else 1; 0 if too many are
        unacknowledged already."""
        topic = answer.topic + suffix
        if len(topic) + len(body) + 16 > self._largest_packet:
            self.around.link.rejected("answer_over_maximum_packet_size")
            return
        if not self._subscriptions.qos_of(answer.bit):
            self.line.write(packets.publish(self.level, topic, body))
            return
        inflight = self._inflight
        if inflight is None:
            inflight = self._inflight = Inflight()
        if len(inflight) >= min(self._receive_maximum, self.around.settings.max_queued_packets):
            self.line.write(packets.publish(self.level, topic, body))
            return
        self.line.write(packets.publish(self.level, topic, body, 1, inflight.add(0, NEVER)))

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

    # --- time ---

    def overdue(self, now: int) -> bool:
        """Report the acknowledgements and answer the requests that are overdue; False if none is awaited any more."""
        inflight = self._inflight
        if inflight is not None:
            for request_id in inflight.overdue(now):
                self.around.link.send(
                    DeliveryReport(self.number, request_id, DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED)
                )
            if inflight.stuck() >= min(self._receive_maximum, self.around.settings.max_inflight):
                self.around.link.rejected("all_calls_unacknowledged")
                self.end(DisconnectCause.DISCONNECT_CAUSE_KEEPALIVE, ReasonCode.ADMINISTRATIVE_ACTION)
                return False
        for request in self.requests.overdue(now) if self.requests is not None else ():
            if request.at_timeout:
                self.publish(request.answer, b"%d" % request.request_id, request.at_timeout)
        return bool(self.requests) or (inflight is not None and inflight.awaited())

    # --- the end ---

    def close(self, frame: CloseSession) -> None:
        """The core ends the session."""
        self.end(
            DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE,
            _CLOSINGS.get(frame.reason, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR),
        )

    def end(self, cause: DisconnectCause.ValueType, reason: ReasonCode | None = None) -> None:
        """End the connection, whatever its stage; MQTT 5 devices are told `reason`. Ending twice is harmless."""
        if self.stage is Stage.CLOSED:
            return
        if reason is not None and self.level == V5 and self.stage is not Stage.NEW:
            self.line.write(packets.disconnect(V5, reason))
        self.stage = Stage.CLOSED
        self.heard_ms = self.around.now_ms
        self.line.close()
        self.around.waiting.discard(self)
        if self.number:
            self.around.link.closed(self.number, cause)
        self._buffer = self._queued = self._connecting = None
        self._inflight = self._held = self.requests = None
