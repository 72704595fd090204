"""What one device has subscribed to, and how calls go to it: their topic and QoS are those of its last subscription."""

from collections import deque
from typing import NamedTuple

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.reason_codes import V3_SUBSCRIPTION_REFUSED, ReasonCode
from trunkline.transports.endpoints.mqtt.topics import FILTERS, Wants


class Granted(NamedTuple):
    """What a SUBSCRIBE comes to. `calls_to`: the topic of calls, without their id; None: it asks for none."""

    suback: bytes
    refused: int
    """How many of its filters."""
    calls_to: bytes | None
    calls_qos: int
    attributes: bool


class Dropped(NamedTuple):
    """What an UNSUBSCRIBE comes to."""

    unsuback: bytes
    calls: bool
    attributes: bool


class Subscriptions:
    """`calls_to` and `calls_qos` are in force: they change when the core has applied a subscription, not before."""

    __slots__ = ("_at_qos1", "_granted", "_pending", "calls_qos", "calls_to")

    def __init__(self) -> None:
        self._granted = 0
        self._at_qos1 = 0
        """Bits of the granted filters, and of those among them at QoS 1."""
        self._pending: deque[Granted] | None = None
        """Waiting for the core, the oldest first."""
        self.calls_to: bytes | None = None
        self.calls_qos = 0

    def grant(self, packet: packets.Subscribe, level: int) -> Granted:
        """Grant what has a meaning here, at QoS 1 at most. If calls or attributes are among it, the core must apply
        that before SUBACK: `wait` for it."""
        codes = bytearray()
        refused = 0
        calls_to: bytes | None = None
        calls_qos = 0
        attributes = False
        for name, asked_qos in packet.filters:
            known = FILTERS.get(name)
            if known is None:
                refused += 1
                codes.append(ReasonCode.TOPIC_FILTER_INVALID if level == packets.V5 else V3_SUBSCRIPTION_REFUSED)
                continue
            qos = min(asked_qos, 1)
            codes.append(qos)
            self._granted |= known.bit
            self._at_qos1 = self._at_qos1 | known.bit if qos else self._at_qos1 & ~known.bit
            if known.wants is Wants.CALLS:
                calls_to, calls_qos = known.calls_to, qos
            elif known.wants is Wants.ATTRIBUTES:
                attributes = True
        suback = packets.suback(level, packet.packet_id, bytes(codes))
        return Granted(suback, refused, calls_to, calls_qos, attributes)

    def wait(self, granted: Granted) -> None:
        """The core was asked to apply this."""
        if self._pending is None:
            self._pending = deque()
        self._pending.append(granted)

    def applied(self) -> bytes:
        """The core applied the oldest of those that wait; returns its SUBACK, empty if none waits."""
        if not self._pending:
            return b""
        granted = self._pending.popleft()
        if not self._pending:
            self._pending = None
        if granted.calls_to is not None:
            self.calls_to = granted.calls_to
            self.calls_qos = granted.calls_qos
        return granted.suback

    def drop(self, packet: packets.Unsubscribe, level: int) -> Dropped:
        """Give up filters. Any filter for calls ends all calls, as with ThingsBoard: there is one subscription."""
        codes = bytearray()
        calls = attributes = False
        for name in packet.filters:
            known = FILTERS.get(name)
            if known is None or not self._granted & known.bit:
                codes.append(ReasonCode.NO_SUBSCRIPTION_EXISTED)
                continue
            codes.append(ReasonCode.SUCCESS)
            self._granted &= ~known.bit
            calls = calls or known.wants is Wants.CALLS
            attributes = attributes or known.wants is Wants.ATTRIBUTES
        if calls:
            self.calls_to = None
            if self._pending:
                self._pending = deque(granted._replace(calls_to=None) for granted in self._pending)
        return Dropped(packets.unsuback(level, packet.packet_id, bytes(codes)), calls, attributes)

    def qos_of(self, bit: int) -> int:
        """The QoS of what the filter with this bit covers: as granted, and 1 where it is not subscribed."""
        return 1 if not self._granted & bit or self._at_qos1 & bit else 0
