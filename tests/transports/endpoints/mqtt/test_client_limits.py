import pytest

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.client_limits import ANY_SIZE, NO_LIMITS, ClientLimits, client_limits
from trunkline.transports.endpoints.mqtt.fields import Malformed, Properties, PropertyId
from trunkline.transports.endpoints.mqtt.packets import V3_1, V3_1_1, V5, Connect
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode


def connect(values: Properties, level: int = V5) -> Connect:
    return Connect(level, "id", True, 60, properties=values)


@pytest.mark.parametrize("level", [V3_1, V3_1_1])
def test_older_clients_take_all_but_reasons(level: int) -> None:
    assert client_limits(connect({}, level)) is NO_LIMITS
    assert ClientLimits(65_535, ANY_SIZE, False) == NO_LIMITS


def test_what_version_5_does_not_say_is_unlimited() -> None:
    assert client_limits(connect({})) == ClientLimits(65_535, ANY_SIZE, True)
    assert client_limits(connect({})) is client_limits(connect({}))  # nearly all sessions share one


def test_what_it_says_holds() -> None:
    values: Properties = {
        PropertyId.RECEIVE_MAXIMUM: 3,
        PropertyId.MAXIMUM_PACKET_SIZE: 99,
        PropertyId.REQUEST_PROBLEM_INFO: 0,
    }
    assert client_limits(connect(values)) == ClientLimits(3, 99, False)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (PropertyId.RECEIVE_MAXIMUM, 0),
        (PropertyId.MAXIMUM_PACKET_SIZE, 0),
        (PropertyId.REQUEST_PROBLEM_INFO, 2),
    ],
)
def test_what_the_specification_forbids_is_a_protocol_error(key: PropertyId, value: int) -> None:
    with pytest.raises(Malformed, match=key.name) as caught:
        client_limits(connect({key: value}))
    assert caught.value.reason == ReasonCode.PROTOCOL_ERROR


def test_a_reason_is_said_where_it_is_wanted_and_fits() -> None:
    def disconnect(why: str) -> bytes:
        return packets.disconnect(V5, 0x97, why)

    reasoned, plain = disconnect("why"), disconnect("")
    assert ClientLimits(reasons=True).word(disconnect, "why") == reasoned
    assert ClientLimits(reasons=False).word(disconnect, "why") == plain
    assert ClientLimits(packet_bytes=len(reasoned), reasons=True).word(disconnect, "why") == reasoned
    assert ClientLimits(packet_bytes=len(reasoned) - 1, reasons=True).word(disconnect, "why") == plain
    assert ClientLimits(packet_bytes=len(plain) - 1, reasons=True).word(disconnect, "why") == b""
