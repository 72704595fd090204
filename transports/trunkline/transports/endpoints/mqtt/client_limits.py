"""What an MQTT 5 client said in CONNECT that it takes; older clients take everything."""

from collections.abc import Callable
from typing import Final, NamedTuple

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.fields import Malformed, PropertyId
from trunkline.transports.endpoints.mqtt.inflight import LARGEST_PACKET_ID
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode

ANY_SIZE: Final = packets.LARGEST_REMAINING + 5
"""No packet is larger."""


class ClientLimits(NamedTuple):
    """Nearly all clients have the same, so sessions share `NO_LIMITS`."""

    receive_maximum: int = LARGEST_PACKET_ID
    """QoS 1 publishes that it takes without having acknowledged them."""
    packet_bytes: int = ANY_SIZE
    reasons: bool = False
    """It takes reason strings."""

    def word(self, packet: Callable[[str], bytes], why: str = "") -> bytes:
        """The packet with `why` as its reason string, or without one if the client does not want it or takes no packet
        of that length; empty if it takes neither."""
        if why and self.reasons:
            reasoned = packet(why)
            if len(reasoned) <= self.packet_bytes:
                return reasoned
        plain = packet("")
        return plain if len(plain) <= self.packet_bytes else b""


NO_LIMITS: Final = ClientLimits()
_REASONS: Final = ClientLimits(reasons=True)


def client_limits(connect: packets.Connect) -> ClientLimits:
    """Raises Malformed for values that the specification forbids."""
    if connect.level != packets.V5:
        return NO_LIMITS
    found = ClientLimits(
        _at_least_1(connect, PropertyId.RECEIVE_MAXIMUM, LARGEST_PACKET_ID),
        _at_least_1(connect, PropertyId.MAXIMUM_PACKET_SIZE, ANY_SIZE),
        bool(_flag(connect, PropertyId.REQUEST_PROBLEM_INFO, 1)),
    )
    return _REASONS if found == _REASONS else found


def _at_least_1(connect: packets.Connect, key: PropertyId, default: int) -> int:
    value = connect.properties.get(key, default)
    if not isinstance(value, int) or value < 1:
        raise Malformed(f"{key.name} is 0", ReasonCode.PROTOCOL_ERROR)
    return value


def _flag(connect: packets.Connect, key: PropertyId, default: int) -> int:
    value = connect.properties.get(key, default)
    if value not in (0, 1):
        raise Malformed(f"{key.name} is neither 0 nor 1", ReasonCode.PROTOCOL_ERROR)
    return int(value)
