"""What `trunkline serve` runs: the settings of every part, with all ports claimed, derived from its own."""

import os
from dataclasses import dataclass
from typing import Any, Final

from pydantic_settings import BaseSettings

from trunkline.cli.demo_certificate import certificate_files
from trunkline.cli.ports import claim_ports
from trunkline.cli.settings import ServeSettings, environment, read
from trunkline.core.settings import CoreSettings
from trunkline.facade.settings import FacadeSettings
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.settings import WorkerSettings

CORE: Final = "core"
FACADE: Final = "facade"
MQTT: Final = "mqtt"
"""The parts' names: of processes, in logs and on command lines."""

HTTP_PORT: Final = "--http-port"
MQTT_PORT: Final = "--mqtt-port"
MQTT_TLS_PORT: Final = "--mqtt-tls-port"
GRPC_PORT: Final = "--grpc-port"
METRICS_PORTS: Final = ("--metrics-port", "--metrics-port, plus one", "--metrics-port, plus two")
"""Of core, facade and MQTT worker."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The settings that each part of one `serve` runs with."""

    core: CoreSettings
    facade: FacadeSettings
    worker: WorkerSettings
    mqtt: MqttSettings
    overrides: dict[str, dict[str, str]]
    """By part: the environment variables that give a child process the same settings."""


def wanted_ports(serve: ServeSettings) -> dict[str, int]:
    """The ports of this installation by option; one for metrics if all runs in one process."""
    ports = {HTTP_PORT: serve.http_port, MQTT_PORT: serve.mqtt_port, GRPC_PORT: serve.grpc_port}
    if mqtt_certificate(serve) is not None:
        ports[MQTT_TLS_PORT] = serve.mqtt_tls_port
    for offset, option in enumerate(METRICS_PORTS[: 1 if serve.processes == "one" else 3]):
        ports[option] = serve.metrics_port and serve.metrics_port + offset
    return ports


def mqtt_certificate(serve: ServeSettings) -> tuple[str, str] | None:
    """Certificate and key of the MQTT port with TLS; None: there is no such port."""
    if serve.mqtt_tls_certificate:
        return serve.mqtt_tls_certificate, serve.mqtt_tls_key
    if serve.demo:
        certificate, key = certificate_files(serve.data_dir)
        return str(certificate), str(key)
    return None


def claimed(serve: ServeSettings) -> Layout:
    """The layout with real port numbers. Raises PortError for a taken port, SettingsError for a bad setting."""
    return lay_out(serve, claim_ports(serve.host, wanted_ports(serve)))


def lay_out(serve: ServeSettings, ports: dict[str, int]) -> Layout:
    """The layout for these ports. Raises SettingsError."""
    core_metrics, facade_metrics, mqtt_metrics = (
        ports.get(option, ports[METRICS_PORTS[0]]) for option in METRICS_PORTS
    )
    core_given = {
        "data_dir": serve.data_dir,
        "host": serve.host,
        "grpc_port": ports[GRPC_PORT],
        "metrics_port": core_metrics,
        "demo": serve.demo,
        **({"database": serve.database} if serve.database else {}),
        **_unless_set(CoreSettings, log_level=serve.log_level, log_format=serve.log_format),
    }
    core = read(CoreSettings, **core_given)
    shared = {
        "log_level": serve.log_level,
        "log_format": serve.log_format,
        "max_params_bytes": core.max_params_bytes,  # no part may refuse what another lets in
    }
    facade_given = {
        "data_dir": serve.data_dir,
        "host": serve.host,
        "port": ports[HTTP_PORT],
        "metrics_port": facade_metrics,
        **_unless_set(FacadeSettings, **shared, **({"cors_origins": ("*",)} if serve.demo else {})),
    }
    worker_given = {
        "data_dir": serve.data_dir,
        "metrics_host": serve.host,
        "metrics_port": mqtt_metrics,
        **_unless_set(WorkerSettings, **shared),
    }
    mqtt_given = {"host": serve.host, "port": ports[MQTT_PORT]}
    if (certificate := mqtt_certificate(serve)) is not None:
        mqtt_given |= {
            "tls_port": ports[MQTT_TLS_PORT],
            "tls_certificate": certificate[0],
            "tls_key": certificate[1],
        }
    facade, worker, mqtt = (
        read(FacadeSettings, **facade_given),
        read(WorkerSettings, **worker_given),
        read(MqttSettings, **mqtt_given),
    )
    return Layout(
        core,
        facade,
        worker,
        mqtt,
        {
            CORE: environment(core, *core_given),
            FACADE: environment(facade, *facade_given),
            MQTT: environment(worker, *worker_given) | environment(mqtt, *mqtt_given),
        },
    )


def _unless_set(settings: type[BaseSettings], **values: Any) -> dict[str, Any]:
    """Those values for which the part's own environment variable is not set: one part may be told apart."""
    prefix = settings.model_config.get("env_prefix", "")
    return {name: value for name, value in values.items() if f"{prefix}{name}".upper() not in os.environ}
