"""Everything an operator can set for the facade, read once when the process starts."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from trunkline.contract.core_location import CoreLocation
from trunkline.contract.logs import LogFormat
from trunkline.facade.connection_bounds import Limits


class FacadeSettings(BaseSettings):
    """Settings of the facade process; environment variables begin with `TRUNKLINE_FACADE_`."""

    model_config = SettingsConfigDict(env_prefix="TRUNKLINE_FACADE_", frozen=True, use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address that REST listens on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port that REST listens on; 0 takes any free one."""
    public_url: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    """Where people reach this server, for links handed out: `https://example.org`; empty: as the request named it."""
    metrics_port: int = Field(default=9465, ge=0, le=65535)
    """Port of this process's Prometheus text, on the same address; 0 takes any free one."""

    data_dir: Path = Path(".trunkline")
    """Directory of the installation: the core's socket and the secret by which its parts know one another."""
    core_target: str = ""
    """gRPC address of a core on another machine, reached over TLS; empty: the socket in the data directory."""
    core_ca_file: str = ""
    """PEM certificates of the authority behind that core's certificate; empty: the public ones."""
    part_secret_file: str = ""
    """File with the installation's secret, a copy of the core's; empty: part-secret in the data directory."""

    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call `/api/**` from a browser, as JSON; `["*"]` allows all. Never with credentials."""

    max_params_bytes: int = Field(default=1024 * 1024, ge=1024, le=16 * 1024 * 1024)
    """Largest request body; larger ones get 413. The core and the workers must allow as much."""
    min_timeout_ms: int = Field(default=5_000, ge=0)
    """A call's `timeout` is raised to this at the ThingsBoard paths, as ThingsBoard does."""
    default_timeout_ms: int = Field(default=10_000, ge=1)
    """Timeout of a call that names none."""
    max_timeout_ms: int = Field(default=300_000, ge=1)
    """A longer `timeout` or `expirationTime` is cut to this, unless the call is persistent; a longer `waitMs` too."""
    accept_wait_ms: int = Field(default=15_000, ge=1)
    """How long a persistent call may take to be stored, a core that starts anew included; longer than the core's own
    `store_wait_ms`, so that its answer comes first."""
    hang_up_watch_ms: int = Field(default=250, ge=0)
    """Whether the caller hung up is looked for once its call has waited this long."""

    core_timeout_ms: int = Field(default=10_000, ge=1)
    """How long the core may take to answer anything but a call to a device."""
    token_cache_size: int = Field(default=10_000, ge=1)
    """How many verified tokens are remembered until they expire."""

    max_event_streams: int = Field(default=1_000, ge=0)
    """Open event streams; one more gets 429."""
    event_heartbeat_s: float = Field(default=15.0, gt=0)
    """A quiet event stream says something this often, so that nobody on the way takes it for dead."""

    max_connections: int = Field(default=10_000, ge=1)
    """Open HTTP connections; more get 503 and are closed."""
    max_head_bytes: int = Field(default=64 * 1024, ge=1024)
    """Largest request head: path and headers; larger ones get 431."""
    head_timeout_s: float = Field(default=10.0, gt=0)
    """How long a request's head may take to come; then it is answered 408."""
    body_timeout_s: float = Field(default=30.0, gt=0)
    """How long a request's body may take to come; then it is answered 408."""
    keep_alive_s: float = Field(default=75.0, gt=0)
    """An idle HTTP connection is closed after this."""
    drain_grace_s: float = Field(default=5.0, ge=0)
    """Told to end, the facade gives waiting calls this long; then it answers those that are left."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """DEBUG writes a line for each call."""
    log_format: LogFormat = "console"
    """`console` for people, `json` for machines."""

    @property
    def connection_limits(self) -> Limits:
        """What HTTP connections may do."""
        return Limits(
            connections=self.max_connections,
            head_bytes=self.max_head_bytes,
            body_bytes=self.max_params_bytes,
            head_timeout_ms=int(self.head_timeout_s * 1000),
            body_timeout_ms=int(self.body_timeout_s * 1000),
            keep_alive_ms=int(self.keep_alive_s * 1000),
        )

    @property
    def core_location(self) -> CoreLocation:
        """Where the core is and what to show it."""
        return CoreLocation(self.data_dir, self.core_target, self.core_ca_file, self.part_secret_file)
