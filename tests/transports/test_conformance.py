"""The MQTT endpoint passes the kit, in every version and at both qualities of service; a broken one does not."""

import pytest
from doubles.mqtt_device import MqttDevice

from trunkline.contract.streams.frames import Deliver
from trunkline.transports.conformance import check_endpoint
from trunkline.transports.endpoint import Endpoint
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.server import MqttEndpoint
from trunkline.transports.endpoints.mqtt.session import MqttSession
from trunkline.transports.endpoints.mqtt.settings import MqttSettings


def mqtt_endpoint() -> MqttEndpoint:
    return MqttEndpoint(MqttSettings(port=0))


def device_of(endpoint: Endpoint, level: int, qos: int) -> MqttDevice:
    assert isinstance(endpoint, MqttEndpoint)
    return MqttDevice(endpoint.port, level=level, qos=qos)


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("level", [packets.V3_1, packets.V3_1_1, packets.V5])
async def test_mqtt_is_an_endpoint(level: int, qos: int) -> None:
    await check_endpoint(mqtt_endpoint, lambda endpoint: device_of(endpoint, level, qos))


async def test_the_kit_finds_a_confirmation_that_comes_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledge = MqttSession.acknowledge

    def hasty(session: MqttSession, packet_id: int, *, reply_kept: int = 0) -> None:
        acknowledge(session, packet_id)

    monkeypatch.setattr(MqttSession, "acknowledge", hasty)
    with pytest.raises(AssertionError) as caught:
        await check_endpoint(mqtt_endpoint, lambda endpoint: device_of(endpoint, packets.V5, 1))
    assert "keeps_replies_to_stored_calls" in caught.value.__notes__[0]


async def test_the_kit_finds_a_lost_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(session: MqttSession, call: Deliver, now: int) -> bool:
        return True

    monkeypatch.setattr(MqttSession, "deliver", forgetful)
    monkeypatch.setattr("trunkline.transports.conformance.GUARD_S", 0.2)
    with pytest.raises(TimeoutError) as caught:
        await check_endpoint(mqtt_endpoint, lambda endpoint: device_of(endpoint, packets.V5, 1))
    assert "delivers_and_replies" in caught.value.__notes__[0]
