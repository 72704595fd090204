"""How a new user gets a password: by a token that lets whoever has it set the first one."""

import secrets
import string
import time
from collections.abc import Callable
from typing import Final, NoReturn

from trunkline.core.identity.model import Activation
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.permissions import only, visible_user
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.tokens import TokenPair, Tokens
from trunkline.core.identity.validation import check_password
from trunkline.core.store.users import UserRows
from trunkline.core.validation import invalid
from trunkline.v1.rpc_service_pb2 import Role

LIFE_MS: Final = 86_400_000
"""How long an activation token is good: a day."""

RENEW_MS: Final = 900_000
"""Whoever asks for a token that is good for less gets a fresh one."""

TOKEN_LENGTH: Final = 30
_ALPHABET: Final = string.ascii_letters + string.digits


def new_activation(now_unix_ms: int) -> Activation:
    """A fresh token, good for a day."""
    return Activation("".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH)), now_unix_ms + LIFE_MS)


class Activations:
    """Activation tokens for administrators, and first passwords for whoever shows one. `now_s` is the wall clock."""

    def __init__(
        self, rows: UserRows, passwords: Passwords, tokens: Tokens, now_s: Callable[[], float] = time.time
    ) -> None:
        self._rows = rows
        self._passwords = passwords
        self._tokens = tokens
        self._now_s = now_s

    async def token_of(self, principal: Principal, user_id: bytes) -> tuple[str, int]:
        """The user's activation token, and for how many more milliseconds it is good.

        Raises PERMISSION_DENIED, NOT_FOUND, and INVALID_ARGUMENT if the user has a password already.
        """
        only(principal, Role.ROLE_SYS_ADMIN, Role.ROLE_TENANT_ADMIN)
        user = visible_user(principal, await self._rows.find(user_id), user_id)
        now = self._now_ms()
        activation = await self._rows.find_activation(user.id)
        if activation is None or activation.end_unix_ms - now < RENEW_MS:
            activation = new_activation(now)
            if not await self._rows.renew_activation(user.id, activation):
                invalid("User is already activated!", "user_id")
        return activation.token, activation.end_unix_ms - now

    async def activate(self, token: str, password: str) -> TokenPair:
        """Set the first password of the user with this activation token; a pair of tokens.

        Raises INVALID_ARGUMENT (the password is too short or too long; the token is nobody's, or expired).
        """
        check_password(password)
        activation = await self._rows.find_activating(token)
        if activation is None:
            _unknown(token)
        if activation.end_unix_ms <= self._now_ms():
            invalid("Activation token expired", "activation_token")
        now = self._now_s()
        user = await self._rows.activate(token, await self._passwords.hash(password), self._now_ms())
        if user is None:  # used or withdrawn meanwhile
            _unknown(token)
        return self._tokens.issue(user, as_of_s=now)

    def _now_ms(self) -> int:
        return int(self._now_s() * 1000)


def _unknown(token: str) -> NoReturn:
    invalid(f"Unable to find user credentials by activateToken [{token}]", "activation_token")
