"""Listening ports, claimed before anything starts: a taken one is an error that names port, option and owner."""

import errno
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from trunkline.cli.errors import CommandError

_LISTENING: Final = "0A"


class PortError(CommandError):
    """A port cannot be had; the message says which, by which option it was asked for, and who has it."""


def claim_ports(host: str, wanted: Mapping[str, int]) -> dict[str, int]:
    """The ports by option name, proven to be free on `host`; 0 becomes a free one.

    All are bound at once and released together, so that two options never get the same port. Raises PortError.
    """
    with ExitStack() as held:
        return {
            option: held.enter_context(_bound(host, port, option)).getsockname()[1] for option, port in wanted.items()
        }


def _bound(host: str, port: int, option: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise PortError(f"--host {host}: {error.strerror}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # what closed connections left behind is no owner
        listener.bind(address)
        listener.listen(1)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            owner = owner_of(port)
            by = f" by {owner}" if owner else ""
            raise PortError(f"Port {port} is already used{by}: stop it or choose another port with {option}.") from None
        raise PortError(f"Port {port} ({option}) cannot be opened on {host}: {error.strerror}.") from None
    return listener


def owner_of(port: int) -> str | None:
    """Who listens on a TCP port, as `mosquitto (process 812)`; None where the system does not tell."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        if sockets & _open_files(process):
            return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None


def _open_files(process: Path) -> set[str]:
    """What a process has open; nothing of another user's, or of one that has just ended."""
    files: set[str] = set()
    with suppress(OSError):
        for entry in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                files.add(os.readlink(entry))
    return files


def _listening_inodes(port: int) -> set[str]:
    inodes: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(columns[9])
    return inodes
