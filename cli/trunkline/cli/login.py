"""How a command proves who it is: a token, an API key, or a user with a password."""

from dataclasses import dataclass
from typing import Final

from trunkline.cli.errors import CommandError
from trunkline.contract.addresses import is_loopback

DEFAULT_URL: Final = "http://127.0.0.1:8080"

DEMO_USER: Final = "tenant@thingsboard.org"
DEMO_PASSWORD: Final = "tenant"
"""The demo's tenant administrator. Everybody knows it, and a demo listens on loopback only: so does this account."""


@dataclass(frozen=True, slots=True)
class Login:
    """What was given on the command line or in the environment. A key or a token goes before a user."""

    token: str | None = None
    user: str | None = None
    password: str | None = None
    api_key: str | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return bool(self.api_key or self.token or (self.user and self.password))

    def or_demo(self, host: str) -> "Login":
        """This login, or the demo's if nothing was given and the server is on this machine. Raises CommandError."""
        if self.whole:
            return self
        if self.user or self.password or not is_loopback(host):
            raise CommandError(
                "Who is calling? Log in with `trunkline login`, or give --token (TRUNKLINE_TOKEN), or --user and "
                "--password."
            )
        return Login(user=DEMO_USER, password=DEMO_PASSWORD)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair as a server gave it; without a refresh token it cannot be renewed."""

    access: str
    refresh: str = ""
