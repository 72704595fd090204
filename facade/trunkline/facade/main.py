"""The facade's composition root: settings → connection to the core → application → HTTP server."""

import asyncio
import math
import socket
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Final, cast

import uvicorn
from starlette.types import ASGIApp

from trunkline.contract.logs import get_logger
from trunkline.contract.open_files import allow_open_files
from trunkline.facade.app import create_app
from trunkline.facade.connection_bounds import ConnectionBounds
from trunkline.facade.core_connection import CallConnector, CoreConnection, core_connection
from trunkline.facade.event_streams import EventStreams
from trunkline.facade.http_protocol import HttpProtocol
from trunkline.facade.metrics import Counters
from trunkline.facade.settings import FacadeSettings

log = get_logger(__name__)

BACKLOG: Final = 2048
CORE_LOOK_S: Final = 0.2
"""How often the installation's secret is looked for, before the core's first start."""

LAST_WORDS_S: Final = 2
"""What answers have to reach their callers once the last call was given up."""


class FacadeServer:
    """One facade in this process: `start` it, then `drain` it; `ended` if it cannot go on."""

    def __init__(
        self,
        settings: FacadeSettings,
        *,
        connector: CallConnector | None = None,
        mounts: Mapping[str, ASGIApp] | None = None,
    ) -> None:
        """`connector` leads to a core in this process; without one the core is found through the settings."""
        self.settings = settings
        self.counters = Counters()
        self.port = 0
        """The REST port, as bound."""
        self._connector = connector
        self._mounts = mounts
        self._streams = EventStreams(settings, self.counters)
        self._resources = AsyncExitStack()
        self._connection: CoreConnection
        self._http: _HttpServer
        self._serving: asyncio.Task[None]

    async def start(self) -> None:
        """Listen; returns once requests are answered. Raises OSError for a taken port.

        A core that is away comes when it comes: until then calls wait for it, and `/readyz` says 503. Only before its
        very first start, which makes the secret that its parts share, does this wait.
        """
        settings = self.settings
        allowed = allow_open_files()
        if allowed <= settings.max_connections:
            log.warning("few_open_files", allowed=allowed, max_connections=settings.max_connections)
        listener = _listen(settings.host, settings.port)
        self.port = listener.getsockname()[1]
        try:
            self._connection = await self._connect()
        except BaseException:
            listener.close()
            raise
        app = create_app(self._connection, settings, self._mounts, self.counters, self._streams)
        bounds = ConnectionBounds(settings.connection_limits, self.counters)
        self._http = _HttpServer(
            uvicorn.Config(
                app,
                loop="none",
                http=cast(type[asyncio.Protocol], partial(HttpProtocol, bounds=bounds)),  # it is only called
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nothing here looks at the client's address
                backlog=BACKLOG,
                timeout_graceful_shutdown=math.ceil(settings.drain_grace_s) + LAST_WORDS_S,
            ),
            bounds,
        )
        self._serving = asyncio.create_task(self._http.serve(sockets=[listener]), name="http server")
        await self._http.listening.wait()
        log.info("facade_started", port=self.port)

    async def _connect(self) -> CoreConnection:
        told = False
        while True:
            try:
                return await self._resources.enter_async_context(core_connection(self.settings, self._connector))
            except FileNotFoundError as missing:
                if not told:
                    log.info("waiting_for_core", missing=missing.filename)
                    told = True
                await asyncio.sleep(CORE_LOOK_S)

    async def ended(self) -> None:
        """Wait until the facade cannot go on. Raises the TrunklineError why: a core that refuses its secret."""
        await self._connection.calls.ended()

    async def drain(self) -> None:
        """Take no new connections, end event streams, give waiting calls their grace, answer those that are left, and
        end."""
        self._http.should_exit = True
        self._streams.over.set()
        await asyncio.wait([self._serving], timeout=self.settings.drain_grace_s)
        await self._resources.aclose()  # the end of the call stream is every waiting call's result
        await self._serving


class _HttpServer(uvicorn.Server):
    """uvicorn, which says when it listens, leaves signals to whoever runs the process, and keeps its connections'
    time."""

    def __init__(self, config: uvicorn.Config, bounds: ConnectionBounds) -> None:
        super().__init__(config)
        self._bounds = bounds
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def on_tick(self, counter: int) -> bool:
        self._bounds.sweep()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
