import pytest
from pydantic import ValidationError

from trunkline.transports.endpoints.mqtt.settings import MqttSettings


def test_the_environment_sets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_MQTT_PORT", "1884")
    monkeypatch.setenv("TRUNKLINE_MQTT_MAX_INFLIGHT", "4")
    settings = MqttSettings()
    assert (settings.host, settings.port, settings.max_inflight) == ("127.0.0.1", 1884, 4)


def test_limits_are_thingsboards_by_default() -> None:
    settings = MqttSettings()
    assert (settings.max_packet_bytes, settings.max_queued_packets) == (65_536, 100)
    assert (settings.ack_timeout_ms, settings.device_call_timeout_ms) == (10_000, 60_000)
    assert settings.inactivity_timeout_ms == 600_000
    assert (settings.rate_limit_messages, settings.max_failed_logins, settings.block_ms) == ("", 0, 60_000)


@pytest.mark.parametrize(
    ("name", "value"), [("port", 70_000), ("max_inflight", 0), ("colour", "red"), ("rate_limit_messages", "20")]
)
def test_nonsense_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        MqttSettings.model_validate({name: value})


def test_every_setting_is_described() -> None:
    assert all(field.description for field in MqttSettings.model_fields.values())
