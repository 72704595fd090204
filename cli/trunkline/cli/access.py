"""Whom a server takes a command for: tokens are got when they are first needed, and renewed when they have expired."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import httpx

from trunkline.cli.answers import RestError, message, read_json
from trunkline.cli.errors import CommandError
from trunkline.cli.login import Login, Tokens
from trunkline.cli.stored_logins import StoredLogin, StoredLogins

Post = Callable[[str, Mapping[str, str | None]], Awaitable[httpx.Response]]
"""Sends a body to one of the open paths."""

TOKEN_EXPIRED: Final = 11
"""ThingsBoard's error code for a token that a new one may replace."""


class Access:
    """One login at one server. Methods raise CommandError if the server refuses it."""

    def __init__(self, url: httpx.URL, login: Login, stored: StoredLogins | None, post: Post) -> None:
        self._url = url
        self._login = login
        self._stored = stored
        self._post = post
        self._user = ""
        self._tokens: Tokens | None = None
        self._from_store = False
        self._turn = asyncio.Lock()

    async def tokens(self) -> Tokens:
        """The pair in use; whoever comes first logs in."""
        async with self._turn:
            if self._tokens is None:
                self._tokens = await self._begin()
            return self._tokens

    async def header(self) -> str:
        """What to send as `X-Authorization`."""
        key = self._login.api_key
        header = f"ApiKey {key.strip()}" if key else f"Bearer {(await self.tokens()).access}"
        if not header.isascii():
            raise CommandError(f"This is no {'API key' if key else 'token'}: it has letters that none has.")
        return header

    async def renew(self, refused: str) -> bool:
        """Whether there is another header than the refused one, which had expired; the first to notice gets it."""
        async with self._turn:
            if self._tokens is None or not self._tokens.refresh:
                return False
            if refused == f"Bearer {self._tokens.access}":
                self._tokens = await self._refreshed(self._tokens)
            return True

    async def _begin(self) -> Tokens:
        if self._login.token:
            return Tokens(self._login.token.strip())
        found = None if self._login.whole or self._stored is None else self._stored.find(str(self._url))
        if found is not None and self._login.user in (None, found.user) and not self._login.password:
            self._user, self._from_store = found.user, True
            return found.tokens
        self._login = self._login.or_demo(self._url.host)
        self._user = str(self._login.user)
        return await self._log_in(self._login)

    async def _log_in(self, login: Login) -> Tokens:
        answer = await self._post("/api/auth/login", {"username": login.user, "password": login.password})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise CommandError(
                f"{login.user}: {message(answer)}. Log in with `trunkline login`, or give --token (TRUNKLINE_TOKEN), "
                "or --user and --password."
            )
        return _pair(answer)

    async def _refreshed(self, tokens: Tokens) -> Tokens:
        answer = await self._post("/api/auth/token", {"refreshToken": tokens.refresh})
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            tokens = _pair(answer)
        elif self._login.password:
            tokens = await self._log_in(self._login)
        else:
            raise CommandError(
                f"The login of {self._user} at {self._url} has ended: log in again with `trunkline login`."
            )
        if self._from_store and self._stored is not None:
            self._stored.keep(str(self._url), StoredLogin(self._user, tokens), latest=False)
        return tokens


def _pair(answer: httpx.Response) -> Tokens:
    pair = read_json(answer)
    try:
        return Tokens(str(pair["token"]), str(pair["refreshToken"]))
    except (LookupError, TypeError):
        raise RestError(f"{answer.url} is not a Trunkline server.") from None
