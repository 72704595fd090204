"""Logins that outlive a command: a file that only its user can read, with one pair of tokens for each server."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from trunkline.cli.errors import CommandError
from trunkline.cli.login import Tokens

FILE: Final = "logins.json"
LOCK_FILE: Final = "logins.lock"


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """Who logged in, and the tokens of that session."""

    user: str
    tokens: Tokens


@dataclass(slots=True)
class _Content:
    """What the file holds, as JSON."""

    last: str | None = None
    """URL of the server of the latest login."""
    logins: dict[str, StoredLogin] = field(default_factory=dict)
    """By URL."""


class StoredLogins:
    """The logins in one directory, by the server's URL. Methods raise CommandError if the file cannot be used.

    Tokens are handed out for the very server that they came from, never for another.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = directory / FILE

    def find(self, url: str) -> StoredLogin | None:
        """The login at this server."""
        return self._read().logins.get(canonical(url))

    def last_url(self) -> str | None:
        """The server of the latest login that has not ended."""
        return self._read().last

    def keep(self, url: str, login: StoredLogin, *, latest: bool = True) -> None:
        """Remember a login; `latest` makes its server the one that commands ask unless told otherwise."""
        url = canonical(url)
        with self._changed() as content:
            content.logins[url] = login
            if latest:
                content.last = url

    def forget(self, url: str) -> None:
        """Forget the login at this server, if there is one."""
        url = canonical(url)
        with self._changed() as content:
            content.logins.pop(url, None)
            if content.last == url:
                content.last = None

    def _read(self) -> _Content:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Content)
        except FileNotFoundError:
            return _Content()
        except OSError as error:
            raise CommandError(f"{self._file} cannot be read: {error.strerror}.") from None
        except msgspec.MsgspecError:
            raise CommandError(f"{self._file} is damaged: delete it and log in again.") from None

    @contextmanager
    def _changed(self) -> Iterator[_Content]:
        """The content, written when the block ends; commands that run at once change it one after the other."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self._directory / LOCK_FILE, "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                content = self._read()
                yield content
                self._write(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
        except OSError as error:
            raise CommandError(f"{self._file} cannot be written: {error.strerror}.") from None

    def _write(self, content: bytes) -> None:
        """In one step, and never readable by others, not even for a moment."""
        new = self._file.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
        new.replace(self._file)


def canonical(url: str) -> str:
    """One way to write a server's URL: scheme and host in small letters, no slash at the end. Raises CommandError."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise CommandError(f"{url} is no URL: {error}.") from None
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
