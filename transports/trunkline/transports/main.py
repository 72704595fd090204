"""A worker's composition root: settings → endpoint, found by its transport's name → link → worker."""

import asyncio
import gc
import signal
import sys
from importlib.metadata import entry_points
from pathlib import Path
from secrets import choice
from string import ascii_lowercase, digits
from typing import Final

import uvloop
from prometheus_client import CollectorRegistry
from pydantic_settings import BaseSettings

from trunkline.contract.logs import configure_logs
from trunkline.contract.metrics import serve_metrics
from trunkline.contract.streams.frames import CoreFrame, WorkerFrame
from trunkline.contract.streams.wire import Connector, Unreadable
from trunkline.transports.core_connector import CoreConnector
from trunkline.transports.endpoint import ENTRY_POINTS, Endpoint
from trunkline.transports.settings import WorkerSettings
from trunkline.transports.worker import Worker

_SUFFIX_LENGTH: Final = 8


class UnknownTransport(Exception):
    """No installed package serves the transport of that name."""


def transports() -> list[str]:
    """The names of the installed transports."""
    return sorted(point.name for point in entry_points(group=ENTRY_POINTS))


def endpoint_class(transport: str) -> type[Endpoint]:
    """The endpoint of a transport. Raises UnknownTransport."""
    for point in entry_points(group=ENTRY_POINTS, name=transport):
        found: type[Endpoint] = point.load()
        return found
    raise UnknownTransport(f"no transport {transport!r}; installed: {', '.join(transports()) or 'none'}")


def kept_worker_id(data_dir: Path, transport: str) -> str:
    """The worker's name: the transport's plus eight random characters, made once and kept in the data directory."""
    file = data_dir / f"{transport}-worker-id"
    if not file.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(f"{transport}-{''.join(choice(ascii_lowercase + digits) for _ in range(_SUFFIX_LENGTH))}\n")
    return file.read_text().strip()


def build_worker(
    transport: str,
    settings: WorkerSettings,
    endpoint: Endpoint,
    connector: Connector[WorkerFrame, CoreFrame | Unreadable],
) -> Worker:
    """A worker that is not yet started."""
    return Worker(
        transport,
        endpoint,
        connector,
        worker_id=settings.worker_id or kept_worker_id(settings.data_dir, transport),
        drain_grace_s=settings.drain_grace_s,
    )


async def serve(transport: str, settings: WorkerSettings, endpoint: Endpoint) -> int:
    """Run a worker until SIGTERM or SIGINT, then drain it; or until it cannot go on. Returns its exit code."""
    connector = CoreConnector(settings.data_dir, max_params_bytes=settings.max_params_bytes)
    worker = build_worker(transport, settings, endpoint, connector)
    registry = CollectorRegistry()
    registry.register(worker.counters)
    await worker.start()
    metrics = None
    if settings.metrics_port >= 0:
        metrics = serve_metrics(settings.metrics_host, settings.metrics_port, registry)
    loop = asyncio.get_running_loop()
    ended = asyncio.ensure_future(worker.ended())
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ended.cancel)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        await asyncio.wait((ended,))
        return 0 if ended.cancelled() else ended.result()
    finally:
        await worker.drain()
        await connector.close()
        if metrics is not None:
            metrics.close()


def main(transport: str, settings: WorkerSettings, endpoint_settings: BaseSettings | None = None) -> int:
    """Run a worker as a process of its own; returns its exit code."""
    configure_logs(settings.log_level, settings.log_format)
    try:
        found = endpoint_class(transport)
        endpoint = found.from_settings(endpoint_settings or found.settings())
        return uvloop.run(serve(transport, settings, endpoint))
    except (OSError, UnknownTransport) as error:
        print(f"trunkline transport {transport}: {error}", file=sys.stderr)
        return 1
