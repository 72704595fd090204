"""The parts as this command line runs them: alone, as children of `serve`, or all in one process.

Each is imported when it is made, so that a process holds only what it runs.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.registry import Collector
from pydantic_settings import BaseSettings

from trunkline.cli.errors import CommandError
from trunkline.cli.layout import CORE, FACADE
from trunkline.cli.ready import Facts, at
from trunkline.cli.running import Part
from trunkline.contract.errors import TrunklineError, reason_name
from trunkline.contract.logs import LogFormat, get_logger
from trunkline.core.settings import CoreSettings
from trunkline.facade.settings import FacadeSettings
from trunkline.transports.settings import WorkerSettings

log = get_logger(__name__)


class CorePart:
    """The core; it never ends by itself. Its facts hold the accounts of this start."""

    def __init__(self, settings: CoreSettings) -> None:
        from trunkline.core.main import Core

        self.core = Core(settings)
        self._host = settings.host
        self.metrics_at = (settings.host, settings.metrics_port)

    @property
    def collectors(self) -> Sequence[Collector]:
        return (self.core.counters,)

    async def start(self) -> Facts:
        await self.core.start()
        accounts = [(account.email, account.password) for account in self.core.accounts]
        return Facts({"grpc": at(self._host, self.core.port)}, accounts)

    async def ended(self) -> int:
        await asyncio.Event().wait()
        return 0

    async def drain(self) -> None:
        await self.core.drain()
        await self.core.close()


class FacadePart:
    """The facade; `connector` leads to a core in this process."""

    def __init__(self, settings: FacadeSettings, connector: Any = None) -> None:
        from trunkline.facade.main import FacadeServer

        self._facade = FacadeServer(settings, connector=connector)
        self._host = settings.host
        self.metrics_at = (settings.host, settings.metrics_port)

    @property
    def collectors(self) -> Sequence[Collector]:
        return (self._facade.counters,)

    async def start(self) -> Facts:
        await self._facade.start()
        url = f"http://{at(self._host, self._facade.port)}"
        return Facts({"rest": url, "docs": f"{url}/docs"})

    async def ended(self) -> int:
        try:
            await self._facade.ended()
        except TrunklineError as error:
            log.error("core_refused_facade", reason=reason_name(error.reason), detail=error.message)
        return 1

    async def drain(self) -> None:
        await self._facade.drain()


class WorkerPart:
    """A worker of any transport; `connector` leads to a core in this process."""

    def __init__(
        self, transport: str, settings: WorkerSettings, endpoint_settings: BaseSettings, connector: Any = None
    ) -> None:
        from trunkline.transports.core_connector import CoreConnector
        from trunkline.transports.main import build_worker, endpoint_class

        self._own_connector: CoreConnector | None = None
        if connector is None:
            connector = self._own_connector = CoreConnector(
                settings.core_location, max_params_bytes=settings.max_params_bytes
            )
        self._endpoint = endpoint_class(transport).from_settings(endpoint_settings)
        self._worker = build_worker(transport, settings, self._endpoint, connector)
        self.metrics_at = (settings.metrics_host, settings.metrics_port)

    @property
    def collectors(self) -> Sequence[Collector]:
        return (self._worker.counters,)

    async def start(self) -> Facts:
        await self._worker.start()
        return Facts({urlsplit(address).scheme: address for address in self._endpoint.addresses()})

    async def ended(self) -> int:
        return await self._worker.ended()

    async def drain(self) -> None:
        await self._worker.drain()
        if self._own_connector is not None:
            await self._own_connector.close()


def settings_of(name: str) -> tuple[type[BaseSettings], ...]:
    """The settings classes of a part: `core`, `facade` or a transport. Raises CommandError for no such transport."""
    if name == CORE:
        return (CoreSettings,)
    if name == FACADE:
        return (FacadeSettings,)
    from trunkline.transports.main import UnknownTransport, endpoint_class

    try:
        return (WorkerSettings, endpoint_class(name).settings)
    except UnknownTransport as error:
        raise CommandError(f"{error}.") from None


def make(name: str, settings: Sequence[Any]) -> Part:
    """The part of that name, on the loop that will run it; `settings` are of the classes that `settings_of` names."""
    if name == CORE:
        return CorePart(settings[0])
    if name == FACADE:
        return FacadePart(settings[0])
    return WorkerPart(name, settings[0], settings[1])


def log_settings(settings: Sequence[Any]) -> tuple[str, LogFormat]:
    """How a part with these settings logs: level and format."""
    return settings[0].log_level, settings[0].log_format
