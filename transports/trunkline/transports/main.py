"""A worker's composition root: settings → name, endpoint found by its transport's name → link → worker."""

from importlib.metadata import entry_points
from pathlib import Path
from secrets import choice
from string import ascii_lowercase, digits
from typing import Final

from trunkline.contract.streams.frames import CoreFrame, WorkerFrame
from trunkline.contract.streams.wire import Connector, Unreadable
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
