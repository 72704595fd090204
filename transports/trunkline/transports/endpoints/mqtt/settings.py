"""The MQTT endpoint's settings: read once in main, passed on as plain values."""

from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from trunkline.transports.endpoints.mqtt.rate_limits import limits


class MqttSettings(BaseSettings):
    """Every setting is also an environment variable: TRUNKLINE_MQTT_ and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="TRUNKLINE_MQTT_", frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=1883, ge=0, le=65535, description="MQTT port; 0 picks a free one.")
    plain: bool = Field(default=True, description="Serve MQTT without TLS on that port; false where there is TLS.")
    tls_port: int = Field(
        default=8883, ge=0, le=65535, description="MQTT port with TLS; served if tls_certificate is set."
    )
    tls_certificate: str = Field(
        default="",
        description="PEM file of the certificate with its chain; a renewed one is served to new connections.",
    )
    tls_key: str = Field(default="", description="PEM file of the certificate's key, not encrypted.")
    max_connections: int = Field(default=100_000, ge=1, description="Open connections; more are closed at once.")
    max_packet_bytes: int = Field(
        default=65_536,
        ge=1_024,
        le=17_000_000,
        description="Largest packet a device may send, without its first five bytes.",
    )
    max_queued_packets: int = Field(
        default=100,
        ge=1,
        description="Packets a device may send before its CONNECT is answered; also its open requests.",
    )
    max_inflight: int = Field(
        default=16, ge=1, le=1_000, description="Calls a device may hold without having acknowledged them."
    )
    write_buffer_bytes: int = Field(
        default=262_144,
        ge=1_024,
        description="Bytes that may wait for a slow device; then it gets no calls and is not read; answers to what it "
        "asked may add as much.",
    )
    slow_timeout_ms: int = Field(
        default=30_000, ge=1, description="How long a device may take nothing of what waits for it; then it is cut off."
    )
    rate_limit_messages: str = Field(
        default="",
        description="What a device may send of replies, requests and subscriptions: `capacity:seconds`, several with "
        "commas between them; empty: as much as it likes.",
    )
    rate_limit_telemetry_messages: str = Field(
        default="", description="The same for messages with telemetry or attributes."
    )
    rate_limit_telemetry_data_points: str = Field(
        default="", description="The same for the single values in these messages."
    )
    max_failed_logins: int = Field(
        default=0,
        ge=0,
        description="Wrong credentials in a row that block an address, whoever connects from there; 0: never.",
    )
    block_ms: int = Field(default=60_000, ge=1, description="For how long such an address is blocked.")
    connect_timeout_ms: int = Field(
        default=10_000, ge=1, description="How long a connection may take to send CONNECT, and the core to answer it."
    )
    ack_timeout_ms: int = Field(
        default=10_000, ge=1, description="How long a device may take to acknowledge a call before that is reported."
    )
    device_call_timeout_ms: int = Field(
        default=60_000,
        ge=1,
        description="How long a device's own call may wait; then it is answered with the error timeout.",
    )
    inactivity_timeout_ms: int = Field(
        default=600_000, ge=1, description="A device that says nothing for this long is gone."
    )
    activity_ms: int = Field(default=3_000, ge=1, description="How often the core hears which devices were active.")
    sweep_ms: int = Field(default=500, ge=1, description="How often timeouts are looked for: how late they may be.")
    disconnect_timeout_ms: int = Field(
        default=1_000, ge=0, description="How long a closed connection may take its last bytes before it is cut."
    )

    @field_validator("rate_limit_messages", "rate_limit_telemetry_messages", "rate_limit_telemetry_data_points")
    @classmethod
    def _is_a_rate_limit(cls, value: str) -> str:
        limits(value)
        return value

    @model_validator(mode="after")
    def _something_is_served(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key are set together, or neither")
        if not (self.plain or self.tls_certificate):
            raise ValueError("plain is false and there is no tls_certificate: nothing would be served")
        return self
