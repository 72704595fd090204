"""One device's MQTT connection as a pure object: packets in, packets and frames out, no socket and no clock.

The stages are NEW (nothing but CONNECT is taken), CONNECTING (the core is asked; packets queue), OPEN and CLOSED. What
a device's publish means is in `uplinks.py`. There may be tens of thousands of these objects, nearly all of them idle:
what only a busy one needs exists only once it is busy.
"""

from collections import deque
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple, Protocol

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
from trunkline.transports.endpoint import Link
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.fields import NO_PROPERTIES, Malformed, Properties, PropertyId
from trunkline.transports.endpoints.mqtt.inflight import LARGEST_PACKET_ID, NEVER, Inflight
from trunkline.transports.endpoints.mqtt.packets import V5
from trunkline.transports.endpoints.mqtt.reason_codes import V3_RETURN_CODES, V3_SUBSCRIPTION_REFUSED, ReasonCode
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.endpoints.mqtt.topics import FILTERS, Answer, Wants
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, DisconnectCause, SessionKind

QUEUED_BYTES: Final = 64 * 1024
"""What a device may send before its CONNECT is answered; then it is not read."""

ANY_SIZE: Final = packets.LARGEST_REMAINING
_FIXED_HEADER_BYTES: Final = 5

_REFUSALS: Final[Mapping[ErrorReason.ValueType, ReasonCode]] = {
    ErrorReason.ERROR_REASON_PERMISSION_DENIED: ReasonCode.NOT_AUTHORIZED,
    ErrorReason.ERROR_REASON_QUEUE_FULL: ReasonCode.CONNECTION_RATE_EXCEEDED,
    ErrorReason.ERROR_REASON_RATE_LIMITED: ReasonCode.CONNECTION_RATE_EXCEEDED,
}
"""CONNACK codes where the credentials are not to blame; anything else is SERVER_UNAVAILABLE."""

_AFTER_REFUSAL: Final[Mapping[ReasonCode, ReasonCode]] = {
    ReasonCode.SERVER_UNAVAILABLE: ReasonCode.SERVER_BUSY,
    ReasonCode.CONNECTION_RATE_EXCEEDED: ReasonCode.MESSAGE_RATE_TOO_HIGH,
}
"""The DISCONNECT behind a refusing CONNACK says the same, where a DISCONNECT may."""

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


class Pause(Enum):
    """Why a device is not read; reading goes on when no reason is left."""

    CONNECTING = 1
    CONGESTED = 2
    KEPT_REPLIES = 4
    LINK = 8


class Line(Protocol):
    """What a session needs of its socket."""

    def write(self, data: bytes) -> None:
        """Send; what does not fit waits in a buffer."""
        ...

    def close(self) -> None:
        """Close once what was written is sent."""
        ...

    def pause(self, why: Pause) -> None:
        """Stop reading."""
        ...

    def resume(self, why: Pause) -> None:
        """Go on reading, unless there is another reason not to."""
        ...


class Publishes(Protocol):
    """Takes what open sessions publish."""

    def take(self, session: "MqttSession", published: packets.Publish) -> None:
        """Handle one publish, its acknowledgement included. May raise Malformed."""
        ...


class Surroundings:
    """What the sessions of one endpoint share.

    Their time stands still while the worker does not read its devices (`stood_ms` in all): nobody's silence counts
    then.
    """

    __slots__ = ("link", "now_ms", "publishes", "settings", "stood_ms", "waiting")

    def __init__(self, link: Link, settings: MqttSettings, publishes: Publishes, now: int) -> None:
        self.link = link
        self.settings = settings
        self.publishes = publishes
        self.stood_ms = 0
        self.now_ms = now
        """The sessions' time at the last sweep."""
        self.waiting: set[MqttSession] = set()
        """Sessions that wait for an acknowledgement or an answer: only these are looked at for it."""


class Asked(NamedTuple):
    """A request of the device that the core has not answered yet; `request_id` is the device's own."""

    answer: Answer
    request_id: int
    due_ms: int
    at_timeout: bytes
    """What the device gets if no answer comes; empty: nothing."""


class HeldAck(NamedTuple):
    """A PUBACK that waits until the reply with `request_id` is stored, or (0) only behind such a one."""

    packet_id: int
    request_id: int


class PendingSubscription(NamedTuple):
    """A SUBACK that waits for the core, and what is in force from then on (`calls_to` None: nothing new)."""

    suback: bytes
    calls_to: bytes | None
    qos: int


class MqttSession:
    """One connection, from accept to close. The server feeds it; the worker calls it as a DeviceSession."""

    __slots__ = (
        "_buffer",
        "_calls_to",
        "_connecting",
        "_granted",
        "_granted_at_1",
        "_held",
        "_inflight",
        "_largest_packet",
        "_needed",
        "_pending",
        "_qos",
        "_queued",
        "_receive_maximum",
        "around",
        "asked",
        "congested",
        "gateway",
        "heard",
        "heard_ms",
        "keep_alive_s",
        "level",
        "line",
        "number",
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
        self.asked: dict[int, Asked] | None = None
        """The device's open requests, by the id that the core knows them by."""
        self._connecting: packets.Connect | None = None
        self._queued: list[tuple[int, bytes]] | None = None
        """Packets that came before CONNECT was answered."""
        self._buffer: bytearray | None = None
        self._needed = 0
        """A packet that is not yet whole, and how many bytes it takes to go on."""
        self._granted = 0
        self._granted_at_1 = 0
        """Bits of the granted filters, and of those among them at QoS 1."""
        self._calls_to: bytes | None = None
        """The topic of calls, without their id; None: not subscribed."""
        self._qos = 0
        self._pending: deque[PendingSubscription] | None = None
        self._inflight: Inflight | None = None
        self._receive_maximum = LARGEST_PACKET_ID
        self._largest_packet = ANY_SIZE
        self._held: deque[HeldAck] | None = None

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
            while at < end and self.stage is not Stage.CLOSED:
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
        if self.stage is not Stage.OPEN:
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
        self._receive_maximum = _positive(packet.properties, PropertyId.RECEIVE_MAXIMUM, LARGEST_PACKET_ID)
        self._largest_packet = _positive(packet.properties, PropertyId.MAXIMUM_PACKET_SIZE, ANY_SIZE)
        self.stage = Stage.CONNECTING
        self.number = around.link.opened(self)
        around.link.send(
            Connect(
                self.number,
                SessionKind.SESSION_KIND_ASYNCHRONOUS,
                min(self._receive_maximum, around.settings.max_inflight),
                mqtt_basic=MqttBasic(
                    packet.client_id, packet.user_name or "", (packet.password or b"").decode(errors="replace")
                ),
            )
        )

    def connected(self, frame: Connected) -> None:
        """The core let the device in: CONNACK, then what the device sent meanwhile."""
        if self.stage is not Stage.CONNECTING or self._connecting is None:
            return
        self.stage = Stage.OPEN
        self.gateway = frame.gateway
        self.line.write(packets.connack(self.level, 0, self._offer(self._connecting)))
        self._connecting = None
        queued, self._queued = self._queued, None
        self.line.resume(Pause.CONNECTING)
        try:
            for first, body in queued or ():
                if self.stage is Stage.OPEN:
                    self._take(first, body)
        except Malformed as problem:
            self._violated(problem)

    def _offer(self, connect: packets.Connect) -> Properties:
        if connect.level != V5:
            return NO_PROPERTIES
        offer: dict[int, int | str | bytes] = {
            PropertyId.MAXIMUM_QOS: 1,
            PropertyId.MAXIMUM_PACKET_SIZE: self.around.settings.max_packet_bytes + _FIXED_HEADER_BYTES,
            PropertyId.SUBSCRIPTION_IDS_AVAILABLE: 0,
            PropertyId.SHARED_SUBSCRIPTIONS_AVAILABLE: 0,
        }
        if not connect.client_id:
            offer[PropertyId.ASSIGNED_CLIENT_ID] = f"trunkline-{self.number}"
        return offer

    def refused(self, frame: Refused) -> None:
        """The core did not let the device in."""
        if self.stage is not Stage.CONNECTING or self._connecting is None:
            return
        self.number = 0
        if frame.reason != ErrorReason.ERROR_REASON_BAD_CREDENTIALS:
            self.refuse(_REFUSALS.get(frame.reason, ReasonCode.SERVER_UNAVAILABLE))
        elif self._connecting.user_name is not None or self._connecting.password is not None:
            self.refuse(ReasonCode.BAD_USER_NAME_OR_PASSWORD)
        elif self._connecting.client_id.strip():
            self.refuse(ReasonCode.CLIENT_IDENTIFIER_NOT_VALID)
        else:
            self.refuse(ReasonCode.NOT_AUTHORIZED)

    def refuse(self, code: ReasonCode) -> None:
        """CONNACK with `code`, and the end. MQTT 5 clients get a DISCONNECT too, as from ThingsBoard."""
        self.line.write(packets.connack(self.level, code if self.level == V5 else V3_RETURN_CODES[code]))
        self.stage = Stage.OPEN
        self.end(DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE, _AFTER_REFUSAL.get(code, code))

    # --- subscriptions ---

    def _subscribe(self, packet: packets.Subscribe) -> None:
        codes = bytearray()
        calls_to: bytes | None = None
        calls_qos = 0
        attributes = False
        for name, asked_qos in packet.filters:
            granted = FILTERS.get(name)
            if granted is None:
                self.around.link.rejected("topic_filter")
                codes.append(ReasonCode.TOPIC_FILTER_INVALID if self.level == V5 else V3_SUBSCRIPTION_REFUSED)
                continue
            qos = min(asked_qos, 1)
            codes.append(qos)
            self._granted |= granted.bit
            self._granted_at_1 = self._granted_at_1 | granted.bit if qos else self._granted_at_1 & ~granted.bit
            if granted.wants is Wants.CALLS:
                calls_to, calls_qos = granted.calls_to, qos
            elif granted.wants is Wants.ATTRIBUTES:
                attributes = True
        suback = packets.suback(self.level, packet.packet_id, bytes(codes))
        if calls_to is None and not attributes:
            self.line.write(suback)
            return
        self._pending = self._pending or deque()
        self._pending.append(PendingSubscription(suback, calls_to, calls_qos))
        acknowledgement = Acknowledgement.ACKNOWLEDGEMENT_UNSPECIFIED
        if calls_to is not None:
            acknowledgement = (
                Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT if calls_qos else Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
            )
        self.around.link.send(Subscribe(self.number, calls_to is not None, attributes, acknowledgement))

    def subscribed(self) -> None:
        """The core applied the oldest pending subscription: SUBACK. How calls are acknowledged changes only now."""
        if not self._pending:
            return
        pending = self._pending.popleft()
        if not self._pending:
            self._pending = None
        if pending.calls_to is not None:
            self._calls_to = pending.calls_to
            self._qos = pending.qos
        self.line.write(pending.suback)

    def _unsubscribe(self, packet: packets.Unsubscribe) -> None:
        codes = bytearray()
        calls = attributes = False
        for name in packet.filters:
            filter_ = FILTERS.get(name)
            if filter_ is None or not self._granted & filter_.bit:
                codes.append(ReasonCode.NO_SUBSCRIPTION_EXISTED)
                continue
            codes.append(ReasonCode.SUCCESS)
            self._granted &= ~filter_.bit
            calls = calls or filter_.wants is Wants.CALLS
            attributes = attributes or filter_.wants is Wants.ATTRIBUTES
        if calls:
            self._calls_to = None
            if self._pending:
                self._pending = deque(pending._replace(calls_to=None) for pending in self._pending)
        if calls or attributes:
            self.around.link.send(Unsubscribe(self.number, calls, attributes))
        self.line.write(packets.unsuback(self.level, packet.packet_id, bytes(codes)))

    # --- calls to the device ---

    def deliver(self, call: Deliver, now: int) -> bool:
        """Publish a call: exactly `{"method":…,"params":…}`, the request id is in the topic."""
        calls_to = self._calls_to
        if calls_to is None or self.congested or self.stage is not Stage.OPEN:
            return False
        topic = b"%b%d" % (calls_to, call.request_id)
        body = b'{"method":%b,"params":%b}' % (_encode_json(call.method), call.params or b"null")
        if len(topic) + len(body) + 16 > self._largest_packet:  # 16: more than any header without properties
            self._too_large(call)
            return False
        if not self._qos:
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
            self.around.link.send(DeliveryReport(self.number, request_id, DeliveryState.DELIVERY_STATE_DELIVERED))

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
            self._held = self._held or deque()
            self._held.append(HeldAck(packet_id, reply_kept))
            return
        self.line.write(packets.puback(self.level, packet_id, reason))

    def reply_stored(self, request_id: int) -> None:
        """The core stored a reply: PUBACK it, and what was held behind it."""
        if not self._held:
            return
        held = deque(HeldAck(ack.packet_id, 0) if ack.request_id == request_id else ack for ack in self._held)
        while held and not held[0].request_id:
            self.line.write(packets.puback(self.level, held.popleft().packet_id))
        self._held = held or None
        if self.around.link.reads(self.number):
            self.line.resume(Pause.KEPT_REPLIES)

    def publish(self, answer: Answer, suffix: bytes, body: bytes) -> None:
        """Publish an answer, subscribed or not, at the QoS of the filter that covers it, else 1; 0 if too many are
        unacknowledged already."""
        topic = answer.topic + suffix
        if len(topic) + len(body) + 16 > self._largest_packet:
            self.around.link.rejected("answer_over_maximum_packet_size")
            return
        if self._granted & answer.bit and not self._granted_at_1 & answer.bit:
            self.line.write(packets.publish(self.level, topic, body))
            return
        inflight = self._inflight = self._inflight or Inflight()
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
        asked = self.asked.pop(number, None) if self.asked is not None else None
        if asked is not None:
            self.publish(asked.answer, b"%d" % asked.request_id, body)

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
        asked = self.asked
        while asked:
            number, oldest = next(iter(asked.items()))
            if oldest.due_ms > now:
                break  # all wait equally long
            if oldest.at_timeout:
                self._answer(number, oldest.at_timeout)
            else:
                del asked[number]
        return bool(asked) or (inflight is not None and inflight.awaited())

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
        if reason is not None and self.level == V5 and self.stage is Stage.OPEN:
            self.line.write(packets.disconnect(V5, reason))
        self.stage = Stage.CLOSED
        self.heard_ms = self.around.now_ms
        self.line.close()
        self.around.waiting.discard(self)
        if self.number:
            self.around.link.closed(self.number, cause)
        self._buffer = self._queued = self._connecting = None
        self._pending = self._inflight = self._held = self.asked = None


def _positive(properties: Properties, key: PropertyId, absent: int) -> int:
    value = properties.get(key, absent)
    if not isinstance(value, int) or value < 1:
        raise Malformed(f"{key.name} is 0", ReasonCode.PROTOCOL_ERROR)
    return value
