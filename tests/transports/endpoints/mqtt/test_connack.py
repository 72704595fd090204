import pytest

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.connack import accepting_connack, offer, refusal, refusing_connack
from trunkline.transports.endpoints.mqtt.fields import PropertyId
from trunkline.transports.endpoints.mqtt.packets import V3_1_1, V5, Connect
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.v1.error_pb2 import ErrorReason

SETTINGS = MqttSettings()
BAD = ErrorReason.ERROR_REASON_BAD_CREDENTIALS


def connect(client_id: str = "", user: str | None = None, password: bytes | None = None, level: int = V5) -> Connect:
    return Connect(level, client_id, True, 60, user, password)


def test_version_5_is_told_the_limits() -> None:
    offered = offer(connect("mine"), 7, SETTINGS)
    assert offered[PropertyId.MAXIMUM_QOS] == 1
    assert offered[PropertyId.MAXIMUM_PACKET_SIZE] == 65_541
    assert PropertyId.ASSIGNED_CLIENT_ID not in offered
    assert offer(connect(level=V3_1_1), 7, SETTINGS) == {}
    (accepted,), rest = packets.split_packets(accepting_connack(connect("mine"), 7, SETTINGS))
    assert (packets.decode_connack(accepted[1], V5), rest) == (packets.Connack(False, 0, offered), b"")


def test_a_client_without_identifier_is_given_one() -> None:
    assert offer(connect(), 7, SETTINGS)[PropertyId.ASSIGNED_CLIENT_ID] == "trunkline-7"


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


@pytest.mark.parametrize(("keep_alive_s", "given"), [(60, None), (400, None), (401, 400), (0, 400)])
def test_a_client_that_would_be_silent_for_too_long_is_given_a_keep_alive(keep_alive_s: int, given: int | None) -> None:
    asked = Connect(V5, "id", True, keep_alive_s)
    assert offer(asked, 7, SETTINGS).get(PropertyId.SERVER_KEEP_ALIVE) == given


def test_a_reason_is_told_in_version_5() -> None:
    (told,), _ = packets.split_packets(refusing_connack(V5, ReasonCode.NOT_AUTHORIZED, "The certificate has expired"))
    assert packets.decode_connack(told[1], V5).properties == {PropertyId.REASON_STRING: "The certificate has expired"}
    assert refusing_connack(V3_1_1, ReasonCode.NOT_AUTHORIZED, "why") == b"\x20\x02\x00\x05"
