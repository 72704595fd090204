"""A worker's settings, whatever its transport: read once in main, passed on as plain values."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from trunkline.contract.core_location import CoreLocation


class WorkerSettings(BaseSettings):
    """Every setting is also an environment variable: TRUNKLINE_WORKER_ and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="TRUNKLINE_WORKER_", frozen=True, extra="forbid")

    data_dir: Path = Field(
        default=Path(".trunkline"), description="Where the core's socket and the secret of its parts are."
    )
    core_target: str = Field(
        default="",
        description="gRPC address of a core on another machine, reached over TLS; "
        "empty: the socket in the data directory.",
    )
    core_ca_file: str = Field(
        default="",
        description="PEM certificates of the authority behind that core's certificate; empty: the public ones.",
    )
    part_secret_file: str = Field(
        default="",
        description="File with the installation's secret, a copy of the core's; "
        "empty: part-secret in the data directory.",
    )
    worker_id: str = Field(
        default="",
        description="The worker's name, unlike any other's; empty: one is made and kept in the data directory.",
    )
    max_params_bytes: int = Field(
        default=1024 * 1024,
        ge=1024,
        le=16 * 1024 * 1024,
        description="Largest `params` and reply; at least the core's own.",
    )
    drain_grace_s: float = Field(
        default=2.0,
        ge=0,
        description="How long a worker that was told to end waits for devices to acknowledge their calls.",
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address of the Prometheus port.")
    metrics_port: int = Field(default=9466, ge=0, le=65535, description="Prometheus port; 0 picks a free one.")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines look.")

    @property
    def core_location(self) -> CoreLocation:
        """Where the core is and what to show it."""
        return CoreLocation(self.data_dir, self.core_target, self.core_ca_file, self.part_secret_file)
