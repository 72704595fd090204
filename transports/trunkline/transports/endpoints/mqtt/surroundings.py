"""What a session stands in: its socket, the link, the settings and the time, each as small as the session needs it."""

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from trunkline.transports.endpoint import Link
from trunkline.transports.endpoints.mqtt.failed_logins import FailedLogins
from trunkline.transports.endpoints.mqtt.packets import Publish
from trunkline.transports.endpoints.mqtt.rate_limits import Clock, RateLimits
from trunkline.transports.endpoints.mqtt.settings import MqttSettings

if TYPE_CHECKING:
    from trunkline.transports.endpoints.mqtt.session import MqttSession


class Pause(Enum):
    """Why a device is not read; reading goes on when no reason is left."""

    CONNECTING = 1
    """It sent too much before its CONNECT was answered."""
    CONGESTED = 2
    """It does not take what is sent to it."""
    KEPT_REPLIES = 4
    """Too many of its replies, or of the acknowledgements behind one, wait until one is stored."""
    LINK = 8
    """The link takes no more, from any device."""


class Line(Protocol):
    """What a session needs of its socket."""

    @property
    def certificate(self) -> bytes:
        """DER of the certificate that the device showed in its TLS handshake; empty: none."""
        ...

    @property
    def address(self) -> str:
        """The device's IP address."""
        ...

    @property
    def waiting(self) -> int:
        """Bytes that the socket has not taken yet."""
        ...

    def write(self, data: bytes) -> None:
        """Send; what does not fit waits in a buffer."""
        ...

    def close(self) -> None:
        """Close once what was written is sent."""
        ...

    def pause(self, why: Pause) -> None:
        """Stop reading."""
        ...

    def resume(self, why: Pause) -> None:
        """Go on reading, unless there is another reason not to."""
        ...


class Publishes(Protocol):
    """Takes what open sessions publish."""

    def take(self, session: "MqttSession", published: Publish) -> None:
        """Handle one publish, its acknowledgement included. May raise Malformed."""
        ...


class Surroundings:
    """What the sessions of one endpoint share.

    Their time stands still while the worker does not read its devices (`stood_ms` in all): nobody's silence counts
    then.
    """

    __slots__ = ("failed_logins", "link", "now_ms", "publishes", "rate_limits", "settings", "stood_ms", "waiting")

    def __init__(self, link: Link, settings: MqttSettings, publishes: Publishes, clock: Clock) -> None:
        self.link = link
        self.settings = settings
        self.publishes = publishes
        self.failed_logins: FailedLogins | None = None
        if settings.max_failed_logins:
            self.failed_logins = FailedLogins(settings.max_failed_logins, settings.block_ms)
        self.rate_limits: RateLimits | None = None
        limits = (
            settings.rate_limit_messages,
            settings.rate_limit_telemetry_messages,
            settings.rate_limit_telemetry_data_points,
        )
        if any(limits):
            self.rate_limits = RateLimits(*limits, clock)
        self.stood_ms = 0
        self.now_ms = clock()
        """The sessions' time at the last sweep."""
        self.waiting: set[MqttSession] = set()
        """Sessions that wait for an acknowledgement or an answer: only these are looked at for it."""
