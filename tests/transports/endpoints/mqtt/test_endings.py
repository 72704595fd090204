import pytest

from trunkline.transports.endpoints.mqtt import endings
from trunkline.transports.endpoints.mqtt.endings import Ending
from trunkline.transports.endpoints.mqtt.reason_codes import V3_RETURN_CODES, ReasonCode
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DisconnectCause

ONLY_IN_CONNACK = {0x84, 0x85, 0x88, 0x8A, 0x8C, 0x9F}
"""MQTT 5 specification, section 2.4: codes that a DISCONNECT may not carry, beside those that ThingsBoard sends so."""


def test_whoever_is_told_a_failure_is_told_why() -> None:
    told = [ending for ending in vars(endings).values() if isinstance(ending, Ending) and ending.code]
    assert len(told) >= 8
    assert all(ending.why and ending.code not in ONLY_IN_CONNACK for ending in told)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (ErrorReason.ERROR_REASON_SESSION_SUPERSEDED, 0x8E),
        (ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED, 0x98),
        (ErrorReason.ERROR_REASON_DEVICE_DELETED, 0x98),
        (ErrorReason.ERROR_REASON_DELIVERY_TIMEOUT, 0x98),
        (ErrorReason.ERROR_REASON_NOT_SUPPORTED, 0x98),
        (ErrorReason.ERROR_REASON_SESSION_UNKNOWN, 0x83),
    ],
)
def test_the_core_closes_sessions_for_its_reasons(reason: ErrorReason.ValueType, code: int) -> None:
    ending = endings.closing(reason)
    assert (ending.cause, ending.code) == (DisconnectCause.DISCONNECT_CAUSE_CLOSED_BY_CORE, code)


@pytest.mark.parametrize(
    ("connack", "certificate", "disconnect"),
    [
        (ReasonCode.BAD_USER_NAME_OR_PASSWORD, False, 0x86),
        (ReasonCode.NOT_AUTHORIZED, True, 0x87),
        (ReasonCode.SERVER_UNAVAILABLE, False, 0x89),
        (ReasonCode.SERVER_UNAVAILABLE, True, 0x83),
        (ReasonCode.CONNECTION_RATE_EXCEEDED, False, 0x96),
    ],
)
def test_a_disconnect_follows_a_refusal(connack: ReasonCode, certificate: bool, disconnect: int) -> None:
    assert connack in V3_RETURN_CODES
    assert endings.refused(connack, certificate=certificate).code == disconnect


def test_a_violation_says_what_was_wrong() -> None:
    ending = endings.violation("QoS 3", ReasonCode.MALFORMED_PACKET)
    assert ending == Ending(DisconnectCause.DISCONNECT_CAUSE_PROTOCOL_ERROR, ReasonCode.MALFORMED_PACKET, "QoS 3")
