from pathlib import Path

import pytest

from trunkline.cli.settings import ServeSettings, SettingsError, commented, environment, read


def test_options_go_before_the_environment_and_that_before_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_HTTP_PORT", "8888")
    monkeypatch.setenv("TRUNKLINE_MQTT_PORT", "2883")
    settings = read(ServeSettings, mqtt_port=3883, data_dir=None)
    assert (settings.http_port, settings.mqtt_port, settings.grpc_port) == (8888, 3883, 9090)
    assert settings.data_dir == Path(".trunkline")


def test_a_bad_option_and_a_bad_variable_are_named_as_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_GRPC_PORT", "many")
    with pytest.raises(SettingsError) as error:
        read(ServeSettings, http_port=70_000, log_level="LOUD")
    assert "--http-port: " in str(error.value)
    assert "--log-level: " in str(error.value)
    assert "TRUNKLINE_GRPC_PORT: " in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.test"])
def test_the_demo_refuses_to_be_reached_from_outside(host: str) -> None:
    with pytest.raises(SettingsError, match=r"passwords that everybody knows.*without --demo"):
        read(ServeSettings, demo=True, host=host)
    assert read(ServeSettings, host=host).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_the_demo_stays_on_loopback(host: str) -> None:
    assert read(ServeSettings, demo=True, host=host).demo


def test_a_child_reads_the_same_values_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(ServeSettings, demo=True, http_port=1, data_dir=Path("/tmp/with space"))
    for name, value in environment(settings, "demo", "http_port", "data_dir").items():
        monkeypatch.setenv(name, value)
    assert read(ServeSettings) == settings


def test_print_settings_is_an_env_file_that_gives_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(ServeSettings, demo=True, mqtt_port=7)
    text = commented(settings)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(ServeSettings.model_fields)
    assert "# MQTT port.\nTRUNKLINE_MQTT_PORT=7\n" in text
    for line in lines:
        monkeypatch.setenv(*line.split("=", 1))
    assert read(ServeSettings) == settings
