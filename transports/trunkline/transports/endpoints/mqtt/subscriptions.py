"""What one device has subscribed to, and how calls go to it: their topic and QoS are those of its last subscription."""

from collections import deque
from typing import Final, NamedTuple

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.reason_codes import V3_SUBSCRIPTION_REFUSED, ReasonCode
from trunkline.transports.endpoints.mqtt.topic_filters import matches
from trunkline.transports.endpoints.mqtt.topics import FILTERS, Filter, Wants
from trunkline.v1.transport_service_pb2 import Acknowledgement

PROFILES_ATTRIBUTES: Final = Filter(1 << len(FILTERS), Wants.ATTRIBUTES)
"""What a device profile calls attributes beside the standard topics."""


class Granted(NamedTuple):
    """What a SUBSCRIBE comes to."""

    codes: bytes
    """For each filter, in order, the granted QoS or a refusal."""
    why: str = ""
    """Of the first refusal; empty if all is granted."""
    calls_to: bytes = b""
    """The topic of calls, without their id; empty: it asks for none."""
    calls_qos: int = 0
    attributes: bool = False

    @property
    def acknowledgement(self) -> Acknowledgement.ValueType:
        """How deliveries will be acknowledged."""
        if not self.calls_to:
            return Acknowledgement.ACKNOWLEDGEMENT_UNSPECIFIED
        if self.calls_qos:
            return Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
        return Acknowledgement.ACKNOWLEDGEMENT_IMPLIED


class Dropped(NamedTuple):
    """What an UNSUBSCRIBE comes to. `codes`: one reason for each filter."""

    codes: bytes
    calls: bool
    attributes: bool


class Pending(NamedTuple):
    """A subscription that the core has not applied yet; `calls_to` empty: it changes nothing."""

    suback: bytes
    calls_to: bytes
    calls_qos: int


class Subscriptions:
    """`calls_to` and `calls_qos` are in force: they change when the core has applied a subscription, not before."""

    __slots__ = ("_at_qos1", "_granted", "_pending", "calls_qos", "calls_to")

    def __init__(self) -> None:
        self._granted = 0
        self._at_qos1 = 0
        """Bits of the granted filters, and of those among them at QoS 1."""
        self._pending: deque[Pending] | None = None
        """Waiting for the core, the oldest first."""
        self.calls_to: bytes | None = None
        self.calls_qos = 0

    @property
    def pending(self) -> int:
        """How many subscriptions the core has not applied yet."""
        return len(self._pending) if self._pending else 0

    def grant(self, packet: packets.Subscribe, level: int, profiles_attributes: str = "") -> Granted:
        """Grant what has a meaning here, at QoS 1 at most. If calls or attributes are among it, the core must apply
        that before SUBACK: `wait` for it. `profiles_attributes`: a filter that the device's profile adds."""
        codes = bytearray()
        why = ""
        calls_to = b""
        calls_qos = 0
        attributes = False
        for name, asked_qos in packet.filters:
            known = _known(name, profiles_attributes)
            if known is None:
                codes.append(ReasonCode.TOPIC_FILTER_INVALID if level == packets.V5 else V3_SUBSCRIPTION_REFUSED)
                why = why or f"No filter for a device: {name[:100]}"
                continue
            qos = min(asked_qos, 1)
            codes.append(qos)
            self._granted |= known.bit
            self._at_qos1 = self._at_qos1 | known.bit if qos else self._at_qos1 & ~known.bit
            if known.wants is Wants.CALLS:
                calls_to, calls_qos = known.calls_to, qos
            elif known.wants is Wants.ATTRIBUTES:
                attributes = True
        return Granted(bytes(codes), why, calls_to, calls_qos, attributes)

    def wait(self, suback: bytes, granted: Granted) -> None:
        """The core was asked to apply this; then comes `suback`."""
        if self._pending is None:
            self._pending = deque()
        self._pending.append(Pending(suback, granted.calls_to, granted.calls_qos))

    def applied(self) -> bytes:
        """The core applied the oldest of those that wait; returns its SUBACK, empty if none waits."""
        if not self._pending:
            return b""
        applied = self._pending.popleft()
        if not self._pending:
            self._pending = None
        if applied.calls_to:
            self.calls_to = applied.calls_to
            self.calls_qos = applied.calls_qos
        return applied.suback

    def drop(self, packet: packets.Unsubscribe, profiles_attributes: str = "") -> Dropped:
        """Give up filters. Any filter for calls ends all calls, as with ThingsBoard: there is one subscription."""
        codes = bytearray()
        calls = attributes = False
        for name in packet.filters:
            known = _known(name, profiles_attributes)
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
                self._pending = deque(waiting._replace(calls_to=b"") for waiting in self._pending)
        return Dropped(bytes(codes), calls, attributes)

    def qos_of(self, bit: int) -> int:
        """The QoS of what the filter with this bit covers: as granted, and 1 where it is not subscribed."""
        return 1 if not self._granted & bit or self._at_qos1 & bit else 0


def refuse_all(packet: packets.Subscribe, level: int, why: str) -> Granted:
    """Refuse every filter, whatever it is: now is not the time."""
    code = ReasonCode.QUOTA_EXCEEDED if level == packets.V5 else V3_SUBSCRIPTION_REFUSED
    return Granted(bytes((code,)) * len(packet.filters), why)


def _known(name: str, profiles_attributes: str) -> Filter | None:
    """A filter that has a meaning: a standard one, or that of the device's profile."""
    known = FILTERS.get(name)
    if known is None and profiles_attributes and matches(profiles_attributes, name):
        return PROFILES_ATTRIBUTES
    return known
