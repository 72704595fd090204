"""The core's settings: read once in main, passed on as plain values."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class CoreSettings(BaseSettings):
    """Every setting is also an environment variable: TRUNKLINE_CORE_ and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="TRUNKLINE_CORE_", frozen=True, extra="forbid")

    data_dir: Path = Field(
        default=Path(".trunkline"), description="Where the database, keys, the secret and the socket live."
    )
    host: str = Field(default="127.0.0.1", description="Address of the gRPC port for backends.")
    grpc_port: int = Field(default=9090, ge=0, le=65535, description="gRPC port for backends; 0 picks a free one.")
    tls_certificate: str = Field(
        default="", description="PEM certificate and chain of the gRPC port; empty: the port is not encrypted."
    )
    tls_key: str = Field(default="", description="PEM private key of that certificate, unencrypted.")
    metrics_port: int = Field(default=9464, ge=0, le=65535, description="Prometheus port; 0 picks a free one.")
    database: str = Field(
        default="", description="Database URL, postgresql://user@host/name; empty: SQLite in the data directory."
    )
    demo: bool = Field(default=False, description="Seed demo accounts with known passwords and demo devices.")
    impersonation: bool = Field(
        default=True, description="Administrators may get tokens of the users they administer, to act as these."
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines look.")

    max_params_bytes: int = Field(
        default=1024 * 1024,
        ge=1024,
        le=16 * 1024 * 1024,
        description="Largest `params` and largest reply of a call, in bytes.",
    )
    max_timeout_ms: int = Field(
        default=3_600_000, ge=1, description="Longest a lightweight call may wait; longer is cut to it."
    )
    max_pending_per_device: int = Field(
        default=1_000, ge=1, description="Open calls per device; more are refused, QUEUE_FULL."
    )
    max_stored_per_device: int = Field(
        default=10_000, ge=1, description="Stored calls per device that have not ended; more are refused, QUEUE_FULL."
    )
    max_pending_per_tenant: int = Field(
        default=200_000, ge=1, description="Calls of one tenant that have not ended; more are refused, QUEUE_FULL."
    )
    max_pending: int = Field(
        default=500_000, ge=1, description="Calls of all tenants that have not ended; more are refused, QUEUE_FULL."
    )
    submit_strategy: Literal["BURST", "SEQUENTIAL_ON_ACK_FROM_DEVICE", "SEQUENTIAL_ON_RESPONSE_FROM_DEVICE"] = Field(
        default="BURST", description="When a device gets its next stored call, unless its profile or the call says it."
    )
    max_retries: int = Field(
        default=5, ge=0, description="How often a stored call is sent again, at most, if it is not acknowledged."
    )
    retry_backoff_ms: int = Field(
        default=1_000, ge=0, description="Wait before the first of these; it doubles with each, up to a minute."
    )
    response_timeout_ms: int = Field(
        default=30_000,
        ge=1,
        description="SEQUENTIAL_ON_RESPONSE_FROM_DEVICE: how long a delivered call may hold up the next one.",
    )
    close_session_on_delivery_timeout: bool = Field(
        default=False, description="When no retry is left, close the device's sessions and queue the call again."
    )
    store_wait_ms: int = Field(
        default=10_000, ge=1, description="How long a submitter waits for its call to be stored."
    )
    call_ttl_days: float = Field(
        default=30.0, ge=0, description="Stored calls are removed so long after their end; 0 keeps them for ever."
    )
    cleanup_interval_s: float = Field(default=3_600.0, gt=0, description="How often ended calls are looked for.")
    max_call_events: int = Field(
        default=100_000, ge=0, description="Changes of calls kept in memory, for watchers that come back."
    )
    max_explained_calls: int = Field(
        default=10_000, ge=0, description="Lightweight calls without success that can still be explained."
    )
    explain_s: float = Field(default=600.0, ge=0, description="How long they can.")
    max_call_watches: int = Field(
        default=1_000, ge=0, description="Streams that watch calls; one more is refused, QUEUE_FULL."
    )
    max_sessions_per_device: int = Field(
        default=1, ge=1, description="Live sessions per device; one more ends the oldest."
    )
    max_open_calls: int = Field(
        default=10_000, ge=1, description="Open calls per call stream; more are refused, QUEUE_FULL."
    )
    max_open_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="Bytes held for the open calls of one stream."
    )
    max_unacked_bytes: int = Field(
        default=8 * 1024 * 1024,
        ge=64 * 1024,
        description="Bytes a worker may hold unacknowledged before it stops reading devices.",
    )
    max_late_replies: int = Field(
        default=100_000, ge=0, description="Ended calls remembered to recognise late replies."
    )
    late_reply_s: float = Field(
        default=600.0, ge=0, description="How long an ended call is remembered for a late reply."
    )
    suspension_ms: int = Field(
        default=3_000, ge=0, description="How long a broken link's sessions are kept before they count as disconnected."
    )
    inactivity_timeout_s: float = Field(
        default=600.0, gt=0, description="A device that was not heard of for so long is no longer active."
    )
    presence_write_ms: int = Field(
        default=500, ge=1, description="Who came and went is stored, and told to watchers, at most this often."
    )
    activity_write_ms: int = Field(
        default=10_000, ge=1, description="How often devices' last activity is stored, if nothing else is."
    )
    max_presence_watches: int = Field(
        default=1_000, ge=0, description="Streams that watch presence; one more is refused, QUEUE_FULL."
    )
    max_watched_devices: int = Field(
        default=1_000_000, ge=1, description="Devices that all of these streams together may be about."
    )
    heartbeat_ms: int = Field(
        default=2_000,
        ge=50,
        description="A part says something at least this often; after three times this it counts as dead.",
    )
    hello_timeout_s: float = Field(default=10.0, gt=0, description="How long a new stream may take to say hello.")
    drain_grace_s: float = Field(
        default=5.0, ge=0, description="How long a core that was told to end waits for its streams."
    )

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("TRUNKLINE_CORE_TLS_CERTIFICATE and TRUNKLINE_CORE_TLS_KEY are set together or not at all")
        return self
