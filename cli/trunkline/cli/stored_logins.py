"""Logins that outlive a command: a file that only its user can read, with one pair of tokens for each server."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from trunkline.cli.errors import CommandError
from trunkline.cli.login import Tokens

FILE: Final = "logins.json"
LOCK_FILE: Final = "logins.lock"


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """Who logged in, and the tokens of that session."""

    user: str
    tokens: Tokens


class StoredLogins:
    """The logins in one directory, by the server's URL. Methods raise CommandError if the file cannot be used.

    Tokens are handed out for the very server that they came from, never for another.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = directory / FILE

    def find(self, url: str) -> StoredLogin | None:
        """The login at this server."""
        found = self._read()["logins"].get(canonical(url))
        return None if found is None else StoredLogin(found["user"], Tokens(found["token"], found["refreshToken"]))

    def last_url(self) -> str | None:
        """The server of the latest login that has not ended."""
        url = self._read()["last"]
        return None if url is None else str(url)

    def keep(self, url: str, login: StoredLogin, *, latest: bool = True) -> None:
        """Remember a login; `latest` makes its server the one that commands ask unless told otherwise."""
        url = canonical(url)
        tokens = {"user": login.user, "token": login.tokens.access, "refreshToken": login.tokens.refresh}
        with self._changed() as content:
            content["logins"][url] = tokens
            if latest:
                content["last"] = url

    def forget(self, url: str) -> None:
        """Forget the login at this server, if there is one."""
        url = canonical(url)
        with self._changed() as content:
            content["logins"].pop(url, None)
            if content["last"] == url:
                content["last"] = None

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_bytes())
            content["last"], content["logins"].items()
            for login in content["logins"].values():
                login["user"], login["token"], login["refreshToken"]
        except FileNotFoundError:
            return {"last": None, "logins": {}}
        except OSError as error:
            raise CommandError(f"{self._file} cannot be read: {error.strerror}.") from None
        except (ValueError, LookupError, TypeError, AttributeError):
            raise CommandError(f"{self._file} is damaged: delete it and log in again.") from None
        return dict(content)

    @contextmanager
    def _changed(self) -> Iterator[dict[str, Any]]:
        """The content, written when the block ends; commands that run at once change it one after the other."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self._directory / LOCK_FILE, "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                content = self._read()
                yield content
                self._write(json.dumps(content, indent=2) + "\n")
        except OSError as error:
            raise CommandError(f"{self._file} cannot be written: {error.strerror}.") from None

    def _write(self, text: str) -> None:
        """In one step, and never readable by others, not even for a moment."""
        new = self._file.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
        new.replace(self._file)


def canonical(url: str) -> str:
    """One way to write a server's URL: scheme and host in small letters, no slash at the end. Raises CommandError."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise CommandError(f"{url} is no URL: {error}.") from None
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
