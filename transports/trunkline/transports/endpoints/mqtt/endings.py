"""Why connections end: what the core hears, and what an MQTT 5 device is told."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DisconnectCause


class Ending(NamedTuple):
    """`code` None: the device is not told, it left or never said what it is."""

    cause: DisconnectCause.ValueType
    code: ReasonCode | None = None
    why: str = ""


_PROTOCOL_ERROR: Final = DisconnectCause.DISCONNECT_CAUSE_PROTOCOL_ERROR
_KEEPALIVE: Final = DisconnectCause.DISCONNECT_CAUSE_KEEPALIVE
_BY_CORE: Final = DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE

LOST: Final = Ending(DisconnectCause.DISCONNECT_CAUSE_CONNECTION_LOST)
LEFT: Final = Ending(DisconnectCause.DISCONNECT_CAUSE_CLIENT, ReasonCode.SUCCESS)
NEVER_CONNECTED: Final = Ending(_PROTOCOL_ERROR)
SHUTTING_DOWN: Final = Ending(_BY_CORE, ReasonCode.SERVER_SHUTTING_DOWN, "The server ends")
KEEP_ALIVE: Final = Ending(_KEEPALIVE, ReasonCode.KEEP_ALIVE_TIMEOUT, "Nothing came for 1.5 times the keep-alive")
INACTIVE: Final = Ending(_KEEPALIVE, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, "Nothing came for too long")
UNACKNOWLEDGED: Final = Ending(
    _KEEPALIVE, ReasonCode.ADMINISTRATIVE_ACTION, "No call is acknowledged; as many as may be wait for it"
)
SLOW: Final = Ending(_KEEPALIVE, ReasonCode.QUOTA_EXCEEDED, "What was sent is not taken")
QUEUE_FULL: Final = Ending(_PROTOCOL_ERROR, ReasonCode.QUOTA_EXCEEDED, "Too many packets before CONNECT was answered")
TOO_SMALL: Final = Ending(
    _PROTOCOL_ERROR, ReasonCode.PACKET_TOO_LARGE, "An answer is larger than the Maximum Packet Size of CONNECT"
)
TOO_FAST: Final = Ending(
    _PROTOCOL_ERROR, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, "More than the rate limits allow; see getSessionLimits"
)
"""The code is the one that ThingsBoard's devices know for it."""

_CLOSINGS: Final[Mapping[ErrorReason.ValueType, Ending]] = {
    ErrorReason.ERROR_REASON_SESSION_SUPERSEDED: Ending(
        _BY_CORE, ReasonCode.SESSION_TAKEN_OVER, "The device connected again elsewhere"
    ),
    ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED: Ending(
        _BY_CORE, ReasonCode.ADMINISTRATIVE_ACTION, "The device's credentials were changed"
    ),
    ErrorReason.ERROR_REASON_DEVICE_DELETED: Ending(
        _BY_CORE, ReasonCode.ADMINISTRATIVE_ACTION, "The device was deleted"
    ),
    ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND: Ending(
        _BY_CORE, ReasonCode.ADMINISTRATIVE_ACTION, "The device was deleted"
    ),
    ErrorReason.ERROR_REASON_DELIVERY_TIMEOUT: Ending(
        _BY_CORE, ReasonCode.ADMINISTRATIVE_ACTION, "A call was not acknowledged in time"
    ),
    ErrorReason.ERROR_REASON_NOT_SUPPORTED: Ending(
        _BY_CORE, ReasonCode.ADMINISTRATIVE_ACTION, "The device's profile is not for MQTT any more"
    ),
}


_AFTER_REFUSAL: Final[Mapping[ReasonCode, ReasonCode]] = {
    ReasonCode.SERVER_UNAVAILABLE: ReasonCode.SERVER_BUSY,
    ReasonCode.CONNECTION_RATE_EXCEEDED: ReasonCode.MESSAGE_RATE_TOO_HIGH,
}
"""The DISCONNECT behind a refusing CONNACK repeats its code, except for these, which a DISCONNECT may not carry."""


def closing(reason: ErrorReason.ValueType) -> Ending:
    """How a session ends that the core closes."""
    return _CLOSINGS.get(reason, Ending(_BY_CORE, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR))


def violation(why: str, code: ReasonCode) -> Ending:
    """The device broke the protocol."""
    return Ending(_PROTOCOL_ERROR, code, why)


def refused(code: ReasonCode, *, certificate: bool) -> Ending:
    """The device was told with `code` in CONNACK that it is not let in. `certificate`: it had shown one."""
    after = _AFTER_REFUSAL.get(code, code)
    if certificate and code is ReasonCode.SERVER_UNAVAILABLE:
        after = ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR  # as from ThingsBoard
    return Ending(_BY_CORE, after)
