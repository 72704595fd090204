"""What CONNACK says: what this server offers an MQTT 5 client, and with which code it refuses one."""

from collections.abc import Mapping
from typing import Final

from trunkline.transports.endpoints.mqtt.fields import NO_PROPERTIES, Malformed, Properties, PropertyId
from trunkline.transports.endpoints.mqtt.packets import V5, Connect
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.v1.error_pb2 import ErrorReason

_FIXED_HEADER_BYTES: Final = 5

_REFUSALS: Final[Mapping[ErrorReason.ValueType, ReasonCode]] = {
    ErrorReason.ERROR_REASON_PERMISSION_DENIED: ReasonCode.NOT_AUTHORIZED,
    ErrorReason.ERROR_REASON_QUEUE_FULL: ReasonCode.CONNECTION_RATE_EXCEEDED,
    ErrorReason.ERROR_REASON_RATE_LIMITED: ReasonCode.CONNECTION_RATE_EXCEEDED,
}
"""Where the credentials are not to blame; anything else is SERVER_UNAVAILABLE."""

AFTER_REFUSAL: Final[Mapping[ReasonCode, ReasonCode]] = {
    ReasonCode.SERVER_UNAVAILABLE: ReasonCode.SERVER_BUSY,
    ReasonCode.CONNECTION_RATE_EXCEEDED: ReasonCode.MESSAGE_RATE_TOO_HIGH,
}
"""The DISCONNECT behind a refusing CONNACK repeats its code, except for these, which a DISCONNECT may not carry."""


def offer(connect: Connect, number: int, max_packet_bytes: int) -> Properties:
    """The properties of an accepting CONNACK; none before MQTT 5.

    `number`: the session's, for the identifier of a client that brought none. QoS 2 and the like are refused in
    advance, since ThingsBoard's protocol has no use for them.
    """
    if connect.level != V5:
        return NO_PROPERTIES
    values: dict[int, int | str | bytes] = {
        PropertyId.MAXIMUM_QOS: 1,
        PropertyId.MAXIMUM_PACKET_SIZE: max_packet_bytes + _FIXED_HEADER_BYTES,
        PropertyId.SUBSCRIPTION_IDS_AVAILABLE: 0,
        PropertyId.SHARED_SUBSCRIPTIONS_AVAILABLE: 0,
    }
    if not connect.client_id:
        values[PropertyId.ASSIGNED_CLIENT_ID] = f"trunkline-{number}"
    return values


def refusal(connect: Connect, reason: ErrorReason.ValueType, *, certificate: bool) -> ReasonCode:
    """The code of a refusing CONNACK; for bad credentials it says which of them were shown, as ThingsBoard does.

    `certificate`: one was shown, and nothing else was looked at.
    """
    if reason != ErrorReason.ERROR_REASON_BAD_CREDENTIALS:
        return _REFUSALS.get(reason, ReasonCode.SERVER_UNAVAILABLE)
    if certificate:
        return ReasonCode.NOT_AUTHORIZED
    if connect.user_name is not None or connect.password is not None:
        return ReasonCode.BAD_USER_NAME_OR_PASSWORD
    return ReasonCode.CLIENT_IDENTIFIER_NOT_VALID if connect.client_id.strip() else ReasonCode.NOT_AUTHORIZED


def client_limit(connect: Connect, key: PropertyId, default: int) -> int:
    """A limit that the client stated, or the default. Raises Malformed for 0, which no limit may be."""
    value = connect.properties.get(key, default)
    if not isinstance(value, int) or value < 1:
        raise Malformed(f"{key.name} is 0", ReasonCode.PROTOCOL_ERROR)
    return value
