import json
from pathlib import Path

import pytest

from trunkline.cli.layout import claimed, lay_out, wanted_ports
from trunkline.cli.ports import PortError
from trunkline.cli.settings import ServeSettings, SettingsError, read
from trunkline.core.settings import CoreSettings
from trunkline.facade.settings import FacadeSettings
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.settings import WorkerSettings


def test_the_usual_ports() -> None:
    layout = lay_out(ServeSettings(), wanted_ports(ServeSettings()))
    assert (layout.facade.port, layout.mqtt.port, layout.core.grpc_port) == (8080, 1883, 9090)
    assert [part.metrics_port for part in (layout.core, layout.facade, layout.worker)] == [9464, 9465, 9466]


def test_one_process_has_one_metrics_port() -> None:
    settings = ServeSettings(processes="one")
    layout = lay_out(settings, wanted_ports(settings))
    assert {part.metrics_port for part in (layout.core, layout.facade, layout.worker)} == {9464}


def test_zero_claims_free_ports_that_differ() -> None:
    settings = ServeSettings(http_port=0, mqtt_port=0, grpc_port=0, metrics_port=0)
    layout = claimed(settings)
    ports = {layout.facade.port, layout.mqtt.port, layout.core.grpc_port, layout.core.metrics_port}
    assert len(ports | {layout.facade.metrics_port, layout.worker.metrics_port}) == 6
    with pytest.raises(PortError, match="--metrics-port, plus one"):
        claimed(ServeSettings(http_port=0, mqtt_port=0, grpc_port=9465))


def test_host_and_directory_hold_for_all_parts(tmp_path: Path) -> None:
    settings = ServeSettings(host="127.0.0.2", data_dir=tmp_path)
    layout = lay_out(settings, wanted_ports(settings))
    assert {layout.core.host, layout.facade.host, layout.mqtt.host, layout.worker.metrics_host} == {"127.0.0.2"}
    assert {layout.core.data_dir, layout.facade.data_dir, layout.worker.data_dir} == {tmp_path}


def test_the_database_of_serve_goes_before_the_core_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_CORE_DATABASE", "postgresql:///core")
    assert lay_out(ServeSettings(), wanted_ports(ServeSettings())).core.database == "postgresql:///core"
    monkeypatch.setenv("TRUNKLINE_DATABASE", "postgresql:///serve")
    layout = lay_out(ServeSettings(), wanted_ports(ServeSettings()))
    assert layout.core.database == "postgresql:///serve"
    assert layout.overrides["core"]["TRUNKLINE_CORE_DATABASE"] == "postgresql:///serve"
    assert "TRUNKLINE_CORE_DATABASE" not in layout.overrides["facade"]


def test_a_demo_lets_pages_of_any_origin_call_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = ServeSettings(demo=True)
    assert lay_out(demo, wanted_ports(demo)).facade.cors_origins == ("*",)
    assert lay_out(demo, wanted_ports(demo)).core.demo
    assert lay_out(ServeSettings(), wanted_ports(ServeSettings())).facade.cors_origins == ()
    monkeypatch.setenv("TRUNKLINE_FACADE_CORS_ORIGINS", json.dumps(["https://a.example"]))
    assert lay_out(demo, wanted_ports(demo)).facade.cors_origins == ("https://a.example",)


def test_one_part_can_be_turned_up_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_CORE_LOG_LEVEL", "DEBUG")
    settings = ServeSettings(log_level="WARNING")
    layout = lay_out(settings, wanted_ports(settings))
    assert (layout.core.log_level, layout.facade.log_level, layout.worker.log_level) == ("DEBUG", "WARNING", "WARNING")


def test_all_parts_take_params_as_large_as_the_core_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_CORE_MAX_PARAMS_BYTES", "2097152")
    layout = lay_out(ServeSettings(), wanted_ports(ServeSettings()))
    assert layout.facade.max_params_bytes == layout.worker.max_params_bytes == 2097152


def test_a_bad_variable_of_a_part_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_MQTT_MAX_INFLIGHT", "0")
    with pytest.raises(SettingsError, match="TRUNKLINE_MQTT_MAX_INFLIGHT: "):
        lay_out(ServeSettings(), wanted_ports(ServeSettings()))


def test_children_read_from_their_environment_what_the_layout_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ServeSettings(demo=True, data_dir=tmp_path, http_port=1, mqtt_port=2, grpc_port=3, metrics_port=4)
    layout = lay_out(settings, wanted_ports(settings))
    for name, value in [pair for part in layout.overrides.values() for pair in part.items()]:
        monkeypatch.setenv(name, value)
    assert read(CoreSettings) == layout.core
    assert read(FacadeSettings) == layout.facade
    assert (read(WorkerSettings), read(MqttSettings)) == (layout.worker, layout.mqtt)


def test_a_demo_serves_mqtt_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    demo = ServeSettings(demo=True, data_dir=tmp_path)
    layout = lay_out(demo, wanted_ports(demo))
    assert (layout.mqtt.tls_port, layout.mqtt.tls_certificate) == (8883, str(tmp_path / "demo-certificate.pem"))
    assert layout.overrides["mqtt"]["TRUNKLINE_MQTT_TLS_KEY"] == str(tmp_path / "demo-certificate-key.pem")


def test_mqtt_with_tls_needs_a_certificate_and_its_key() -> None:
    plain = ServeSettings()
    assert "--mqtt-tls-port" not in wanted_ports(plain)
    assert lay_out(plain, wanted_ports(plain)).mqtt.tls_certificate == ""
    own = ServeSettings(demo=True, mqtt_tls_certificate="c.pem", mqtt_tls_key="k.pem", mqtt_tls_port=1234)
    layout = lay_out(own, wanted_ports(own))
    assert (layout.mqtt.tls_port, layout.mqtt.tls_certificate, layout.mqtt.tls_key) == (1234, "c.pem", "k.pem")
    with pytest.raises(SettingsError, match="--mqtt-tls-certificate and --mqtt-tls-key go together"):
        read(ServeSettings, mqtt_tls_key="k.pem")
