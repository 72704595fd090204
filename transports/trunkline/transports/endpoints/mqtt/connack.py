"""What CONNACK says: what this server offers an MQTT 5 client, and with which code it refuses one."""

from collections.abc import Mapping
from typing import Final

from trunkline.transports.endpoints.mqtt.fields import NO_PROPERTIES, Properties, PropertyId
from trunkline.transports.endpoints.mqtt.packets import V5, Connect, connack
from trunkline.transports.endpoints.mqtt.reason_codes import V3_RETURN_CODES, ReasonCode
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.v1.error_pb2 import ErrorReason

_FIXED_HEADER_BYTES: Final = 5
LONGEST_KEEP_ALIVE_S: Final = 0xFFFF

_REFUSALS: Final[Mapping[ErrorReason.ValueType, ReasonCode]] = {
    ErrorReason.ERROR_REASON_PERMISSION_DENIED: ReasonCode.NOT_AUTHORIZED,
    ErrorReason.ERROR_REASON_QUEUE_FULL: ReasonCode.CONNECTION_RATE_EXCEEDED,
    ErrorReason.ERROR_REASON_RATE_LIMITED: ReasonCode.CONNECTION_RATE_EXCEEDED,
}
"""Where the credentials are not to blame; anything else is SERVER_UNAVAILABLE."""


def offer(connect: Connect, number: int, settings: MqttSettings) -> Properties:
    """The properties of an accepting CONNACK; none before MQTT 5.

    `number`: the session's, for the identifier of a client that brought none. QoS 2 and the like are refused in
    advance, since ThingsBoard's protocol has no use for them. A client that would be silent for longer than the server
    waits is given a keep-alive.
    """
    if connect.level != V5:
        return NO_PROPERTIES
    values: dict[int, int | str | bytes] = {
        PropertyId.MAXIMUM_QOS: 1,
        PropertyId.MAXIMUM_PACKET_SIZE: settings.max_packet_bytes + _FIXED_HEADER_BYTES,
        PropertyId.SUBSCRIPTION_IDS_AVAILABLE: 0,
        PropertyId.SHARED_SUBSCRIPTIONS_AVAILABLE: 0,
    }
    if not connect.client_id:
        values[PropertyId.ASSIGNED_CLIENT_ID] = f"trunkline-{number}"
    longest_s = settings.inactivity_timeout_ms // 1500
    if longest_s and not 0 < connect.keep_alive_s <= longest_s:
        values[PropertyId.SERVER_KEEP_ALIVE] = min(longest_s, LONGEST_KEEP_ALIVE_S)
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


def accepting_connack(connect: Connect, number: int, settings: MqttSettings) -> bytes:
    """The CONNACK of a device that was let in; `number` as in `offer`."""
    return connack(connect.level, 0, offer(connect, number, settings))


def refusing_connack(level: int, code: ReasonCode, why: str = "") -> bytes:
    """The CONNACK of one that was not; `why` is told only in MQTT 5."""
    if level != V5:
        return connack(level, V3_RETURN_CODES[code])
    return connack(level, code, {PropertyId.REASON_STRING: why} if why else NO_PROPERTIES)
