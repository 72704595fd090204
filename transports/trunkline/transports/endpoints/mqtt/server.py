"""The MQTT endpoint: sockets around the pure sessions, and the one timer that looks after all of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final, Self, cast

from pydantic_settings import BaseSettings

from trunkline.contract.addresses import is_loopback
from trunkline.contract.clock import Clock, monotonic_ms
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.frames import Activity
from trunkline.transports.endpoint import Link
from trunkline.transports.endpoints.mqtt import endings
from trunkline.transports.endpoints.mqtt.congestion import Congestion
from trunkline.transports.endpoints.mqtt.session import MqttSession, Stage
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.endpoints.mqtt.surroundings import Pause, Surroundings
from trunkline.transports.endpoints.mqtt.timeouts import look_at, overdue, stand_still
from trunkline.transports.endpoints.mqtt.uplinks import Uplinks
from trunkline.transports.tls import ServerCertificate, TlsConnection

log = get_logger(__name__)

BACKLOG: Final = 4096
"""Connections that may wait to be accepted: a whole fleet may come back at once."""

STOPPED_MS: Final = 500
"""A sweep that comes this late shows that the process itself stood still: no device is to blame for that time."""

_KEPT_REPLIES: Final = Pause.KEPT_REPLIES.value


class Connection(asyncio.Protocol):
    """One socket. Writes of one turn of the loop go out together: uvloop gathers them."""

    __slots__ = ("_server", "_transport", "certificate", "pauses", "session")

    def __init__(self, server: "MqttEndpoint", certificate: bytes = b"") -> None:
        self._server = server
        self.certificate = certificate
        self.pauses = 0
        """The Pauses that hold, added up; 0: the device is read."""
        self._transport: asyncio.Transport | None = None
        self.session: MqttSession | None = None

    # --- what the loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        socket = cast(asyncio.Transport, transport)  # a stream server makes no other; uvloop's is no subclass
        server = self._server
        self._transport = socket
        around = server.around
        blocked = around.failed_logins is not None and around.failed_logins.blocked(self.address, around.now_ms)
        if server.full or blocked:
            around.link.rejected("blocked_address" if blocked else "connection_limit")
            self.cut()
            return
        socket.set_write_buffer_limits(high=around.settings.write_buffer_bytes)
        self.session = MqttSession(around, self)
        server.connections.add(self)
        if not server.reading:
            self.pause(Pause.LINK)

    def data_received(self, data: bytes) -> None:
        if self.session is not None:
            self.session.receive(data)

    def pause_writing(self) -> None:
        if self.session is not None:
            around = self.session.around
            self.session.congestion = Congestion(self.waiting, around.settings.write_buffer_bytes, around.now_ms)
            self.pause(Pause.CONGESTED)

    def resume_writing(self) -> None:
        if self.session is not None:
            self.session.congestion = None
            self.resume(Pause.CONGESTED)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.session is not None:
            self.session.end(endings.LOST)
            self._server.forget(self)
        self.session = self._transport = None

    # --- what the session and the endpoint call ---

    @property
    def address(self) -> str:
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        return peer[0] if peer else ""  # none: it is gone already

    @property
    def waiting(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Close at once, whatever was not yet sent."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self, why: Pause) -> None:
        if not self.pauses and self._transport is not None:
            self._transport.pause_reading()
        self.pauses |= why.value

    def resume(self, why: Pause) -> None:
        if self.pauses and self._transport is not None:
            self.pauses &= ~why.value
            if not self.pauses and not self._transport.is_closing():
                self._transport.resume_reading()


class MqttEndpoint:
    """Serves MQTT 3.1, 3.1.1 and 5.0, on a TCP port without TLS and on one with it."""

    settings: ClassVar[type[BaseSettings]] = MqttSettings

    around: Surroundings
    """Exists once started."""

    def __init__(self, settings: MqttSettings, *, clock: Clock = monotonic_ms) -> None:
        self._settings = settings
        self._clock = clock
        self.connections: set[Connection] = set()
        self.reading = True
        self.shaking_hands: set[TlsConnection] = set()
        """TLS connections whose handshake is not done yet."""
        self._plain: asyncio.Server | None = None
        self._tls: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._swept_ms = 0
        self._told_ms = 0
        """The sessions' time when the core last heard who was active."""
        self._emptied: asyncio.Event | None = None
        """While stopping: set once no connection is left."""

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> Self:
        """An endpoint that is not yet started; `settings` are MqttSettings."""
        if not isinstance(settings, MqttSettings):
            raise TypeError(f"the MQTT endpoint takes MqttSettings, not {type(settings).__name__}")
        return cls(settings)

    @property
    def full(self) -> bool:
        """No more connections are taken."""
        return len(self.connections) + len(self.shaking_hands) >= self._settings.max_connections

    @property
    def port(self) -> int:
        """The port without TLS, as bound."""
        return _port(self._plain) or self._settings.port

    @property
    def tls_port(self) -> int:
        """The port with TLS, as bound."""
        return _port(self._tls) or self._settings.tls_port

    def addresses(self) -> list[str]:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        plain = [f"mqtt://{host}:{self.port}"] if self._settings.plain else []
        return [*plain, f"mqtts://{host}:{self.tls_port}"] if self._settings.tls_certificate else plain

    async def start(self, link: Link) -> None:
        self.around = Surroundings(link, self._settings, Uplinks(self._clock), self._clock)
        self._swept_ms = self._told_ms = self.around.now_ms
        if self._settings.tls_certificate:
            served = ServerCertificate(Path(self._settings.tls_certificate), Path(self._settings.tls_key))
            self._tls = await self._listen(lambda: self._tls_connection(served), self._settings.tls_port)
        if self._settings.plain:
            if not is_loopback(self._settings.host):
                log.warning("mqtt_not_encrypted", host=self._settings.host, advice="serve TLS and set plain to false")
            self._plain = await self._listen(lambda: Connection(self), self._settings.port)
        self._timer = asyncio.get_running_loop().call_later(self._settings.sweep_ms / 1000, self._sweep_again)

    async def _listen(self, make: Callable[[], asyncio.Protocol], port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(make, self._settings.host, port, backlog=BACKLOG)

    def _tls_connection(self, served: ServerCertificate) -> asyncio.Protocol:
        if self.full:
            return Connection(self)  # which refuses to be made
        connection = TlsConnection(
            served.context(),
            lambda certificate: self._shook_hands(connection, certificate),
            self.shaking_hands.discard,
            handshake_timeout_ms=self._settings.connect_timeout_ms,
        )
        self.shaking_hands.add(connection)
        return connection

    def _shook_hands(self, connection: TlsConnection, certificate: bytes) -> Connection:
        self.shaking_hands.discard(connection)
        return Connection(self, certificate)

    def read_devices(self, reading: bool) -> None:
        if reading == self.reading:
            return
        self.sweep()  # up to here the clock went, or stood
        self.reading = reading
        for connection in self.connections:
            if reading:
                connection.resume(Pause.LINK)
            else:
                connection.pause(Pause.LINK)

    def refuse_devices(self) -> None:
        for server in (self._plain, self._tls):
            if server is not None:
                server.close()

    async def stop(self) -> None:
        self.refuse_devices()
        if self._timer is not None:
            self._timer.cancel()
        for unknown in list(self.shaking_hands):
            unknown.abort()
        for connection in list(self.connections):
            if connection.session is not None:
                connection.session.end(endings.SHUTTING_DOWN)
        self._emptied = asyncio.Event()
        try:
            async with asyncio.timeout(self._settings.disconnect_timeout_ms / 1000):
                while self.connections:
                    await self._emptied.wait()
        except TimeoutError:
            for connection in list(self.connections):
                connection.cut()

    def busy(self) -> bool:
        return bool(self.around.waiting)

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if not self.connections and self._emptied is not None:
            self._emptied.set()

    # --- time ---

    def _sweep_again(self) -> None:
        self.sweep()
        self._timer = asyncio.get_running_loop().call_later(self._settings.sweep_ms / 1000, self._sweep_again)

    def sweep(self) -> None:
        """Look for everything that is overdue. The sessions' time stands still while devices are not read."""
        around = self.around
        now = self._clock()
        passed, self._swept_ms = now - self._swept_ms, now
        if not self.reading:
            around.stood_ms += passed
            return
        if passed > self._settings.sweep_ms + STOPPED_MS:
            around.stood_ms += passed - self._settings.sweep_ms
        time = now - around.stood_ms
        passed, around.now_ms = time - around.now_ms, time
        for connection in list(self.connections):
            session = connection.session
            if session is not None:
                if connection.pauses:
                    stand_still(session, passed)
                    if connection.pauses & _KEPT_REPLIES:  # no fault of the device
                        session.heard = True
                if not look_at(session, time):
                    connection.cut()
        for session in list(around.waiting):
            if not overdue(session, time):
                around.waiting.discard(session)
        if time - self._told_ms >= self._settings.activity_ms:
            self._tell_activity()
            self._told_ms = time

    def _tell_activity(self) -> None:
        active = tuple(
            session.number
            for connection in self.connections
            if (session := connection.session) is not None
            and session.stage is Stage.OPEN
            and session.heard_ms > self._told_ms
        )
        if active:
            self.around.link.send(Activity(0, active))


def _port(server: asyncio.Server | None) -> int:
    """The port that a server is bound to; 0 if it is not."""
    port: int = server.sockets[0].getsockname()[1] if server is not None and server.sockets else 0
    return port
