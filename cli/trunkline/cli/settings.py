"""Settings of `trunkline serve`, and how every command reads settings: options first, then the environment."""

import json
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from trunkline.cli.errors import CommandError
from trunkline.contract.addresses import is_loopback

Processes = Literal["parts", "one"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

S = TypeVar("S", bound=BaseSettings)


class SettingsError(CommandError):
    """A setting cannot be used; the message names it as the reader gave it."""


class ServeSettings(BaseSettings):
    """Every setting is also an environment variable: TRUNKLINE_ and the name in capitals.

    Addresses, ports, directory and demo go before the parts' own settings of the same meaning; all else the parts read
    from their own variables.
    """

    model_config = SettingsConfigDict(env_prefix="TRUNKLINE_", frozen=True, extra="forbid")

    demo: bool = Field(default=False, description="Demo accounts with known passwords and demo devices; loopback only.")
    processes: Processes = Field(
        default="parts", description="parts: a child process for each part; one: all in one process."
    )
    host: str = Field(default="127.0.0.1", description="Address that all ports listen on.")
    http_port: int = Field(default=8080, ge=0, le=65535, description="REST port; 0 picks a free one, as for all ports.")
    mqtt_port: int = Field(default=1883, ge=0, le=65535, description="MQTT port.")
    mqtt_tls_port: int = Field(
        default=8883, ge=0, le=65535, description="MQTT port with TLS; there is one with a certificate, or in a demo."
    )
    mqtt_tls_certificate: str = Field(
        default="", description="PEM file of its certificate; empty: in a demo one is made, else there is no TLS."
    )
    mqtt_tls_key: str = Field(default="", description="PEM file of the certificate's key.")
    coap_port: int = Field(default=5683, ge=0, le=65535, description="CoAP port; this version has no CoAP worker yet.")
    grpc_port: int = Field(default=9090, ge=0, le=65535, description="gRPC port for backends.")
    metrics_port: int = Field(
        default=9464,
        ge=0,
        le=65533,
        description="Prometheus port of the core; facade and MQTT follow. One in all in one process.",
    )
    data_dir: Path = Field(
        default=Path(".trunkline"), description="Where the database, keys, the secret and the socket live."
    )
    database: str = Field(
        default="",
        description="URL of the core's database, postgresql://user@host/name; empty: SQLite in the data directory.",
    )
    log_level: LogLevel = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR; a part's own variable goes first."
    )
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines look.")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if bool(self.mqtt_tls_certificate) != bool(self.mqtt_tls_key):
            raise ValueError("--mqtt-tls-certificate and --mqtt-tls-key go together")
        return self

    @model_validator(mode="after")
    def _demo_stays_at_home(self) -> Self:
        if self.demo:
            refuse_public_demo(self.host)
        return self


def refuse_public_demo(host: str) -> None:
    """Raise ValueError unless `host` is reached from this machine only."""
    if not is_loopback(host):
        raise ValueError(
            f"--demo has passwords that everybody knows and would be reachable on {host}: "
            "leave --host at 127.0.0.1, or start without --demo and use the accounts printed at the first start"
        )


def read(settings: type[S], **given: Any) -> S:
    """Settings from what was given (None counts as not given) and the environment. Raises SettingsError."""
    try:
        return settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        prefix = settings.model_config.get("env_prefix", "")
        raise SettingsError("\n".join(_complaint(prefix, dict(problem), given) for problem in error.errors())) from None


def _complaint(prefix: str, problem: dict[str, Any], given: dict[str, Any]) -> str:
    text = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return text
    name = str(problem["loc"][0])
    source = f"--{name.replace('_', '-')}" if given.get(name) is not None else f"{prefix}{name}".upper()
    return f"{source}: {text}."


def environment(settings: BaseSettings, *names: str) -> dict[str, str]:
    """The environment variables by which a child process reads the same values of the named settings."""
    prefix = settings.model_config.get("env_prefix", "")
    values = settings.model_dump(mode="json", include=set(names))
    return {f"{prefix}{name}".upper(): _text(value) for name, value in values.items()}


def commented(settings: BaseSettings) -> str:
    """The settings as a commented .env file, with the values that are in force."""
    prefix = settings.model_config.get("env_prefix", "")
    values = settings.model_dump(mode="json")
    return "\n".join(
        f"# {field.description}\n{prefix.upper()}{name.upper()}={_text(values[name])}\n"
        for name, field in type(settings).model_fields.items()
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
