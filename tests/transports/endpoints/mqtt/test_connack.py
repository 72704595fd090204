import pytest

from trunkline.transports.endpoints.mqtt.connack import client_limit, offer, refusal
from trunkline.transports.endpoints.mqtt.fields import Malformed, PropertyId
from trunkline.transports.endpoints.mqtt.packets import V3_1_1, V5, Connect
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.v1.error_pb2 import ErrorReason

BAD = ErrorReason.ERROR_REASON_BAD_CREDENTIALS


def connect(client_id: str = "", user: str | None = None, password: bytes | None = None, level: int = V5) -> Connect:
    return Connect(level, client_id, True, 60, user, password)


def test_version_5_is_told_the_limits() -> None:
    offered = offer(connect("mine"), 7, 65_536)
    assert offered[PropertyId.MAXIMUM_QOS] == 1
    assert offered[PropertyId.MAXIMUM_PACKET_SIZE] == 65_541
    assert PropertyId.ASSIGNED_CLIENT_ID not in offered
    assert offer(connect(level=V3_1_1), 7, 65_536) == {}


def test_a_client_without_identifier_is_given_one() -> None:
    assert offer(connect(), 7, 65_536)[PropertyId.ASSIGNED_CLIENT_ID] == "trunkline-7"


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        (connect("id", "token", b"password"), ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        (connect("id", "token"), ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        (connect("id", ""), ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        (connect("id", None, b"password"), ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        (connect("id"), ReasonCode.CLIENT_IDENTIFIER_NOT_VALID),
        (connect(""), ReasonCode.NOT_AUTHORIZED),
        (connect(" "), ReasonCode.NOT_AUTHORIZED),
    ],
)
def test_bad_credentials_are_named_by_what_was_shown(shown: Connect, code: ReasonCode) -> None:
    assert refusal(shown, BAD, certificate=False) == code


def test_other_refusals_blame_the_server() -> None:
    assert (
        refusal(connect("id", "token"), ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, certificate=False)
        == ReasonCode.SERVER_UNAVAILABLE
    )
    limited = refusal(connect("id", "token"), ErrorReason.ERROR_REASON_RATE_LIMITED, certificate=False)
    assert limited == ReasonCode.CONNECTION_RATE_EXCEEDED


def test_a_limit_of_0_is_a_protocol_error() -> None:
    packet = Connect(V5, "id", True, 60, properties={PropertyId.RECEIVE_MAXIMUM: 0})
    with pytest.raises(Malformed, match="RECEIVE_MAXIMUM is 0") as caught:
        client_limit(packet, PropertyId.RECEIVE_MAXIMUM, 65_535)
    assert caught.value.reason == ReasonCode.PROTOCOL_ERROR
    assert client_limit(packet, PropertyId.MAXIMUM_PACKET_SIZE, 99) == 99
