"""Logging in, refreshing and logging out. The texts are the ones that ThingsBoard's clients know."""

import time
from collections.abc import Callable

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.model import User
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import TokenPair, Tokens
from trunkline.core.store.accounts import AccountRows
from trunkline.v1.error_pb2 import ErrorReason


class Logins:
    """Exchanges what people have for tokens. `now_s` is the wall clock in seconds."""

    def __init__(
        self,
        accounts: AccountRows,
        passwords: Passwords,
        tokens: Tokens,
        revocations: Revocations,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._tokens = tokens
        self._revocations = revocations
        self._now_s = now_s

    async def login(self, email: str, password: str) -> TokenPair:
        """A pair of tokens for the user with this e-mail address, letter case included.

        Raises UNAUTHENTICATED (nothing given, or wrong) and ACCOUNT_DISABLED, whatever the password.
        """
        if not email.strip() or not password.strip():
            raise _failed()
        user, password_hash = await self._accounts.find_login(email) or (None, None)
        good = await self._passwords.verify(password, password_hash)
        if user is not None and not user.enabled:
            raise _not_active()
        if user is None or not good:
            raise _wrong()
        return self._tokens.issue(user)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """A new pair for a new session; the old pair stays good until it expires.

        Raises UNAUTHENTICATED (nothing given, no refresh token of ours, its user gone or its session revoked),
        TOKEN_EXPIRED and ACCOUNT_DISABLED.
        """
        if not refresh_token.strip():
            raise _failed()
        claims = self._tokens.verify_refresh(refresh_token)
        user = await self._accounts.find_user(claims.user_id)
        if user is None:
            raise _wrong()
        if not user.enabled:
            raise _not_active()
        principal = Principal(
            role=user.role,
            tenant_id=user.tenant_id,
            user_id=user.id,
            customer_id=user.customer_id,
            token_session_id=claims.token_session_id,
            issued_unix_ms=claims.issued_unix_ms,
        )
        if self._revocations.is_revoked(principal):
            raise TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Token is outdated")
        return self._tokens.issue(user)

    async def logout(self, principal: Principal) -> None:
        """Refuse the tokens of the principal's session from now on; its user's other sessions go on."""
        await self._revocations.revoke_session(principal.user_id, principal.token_session_id, int(self._now_s() * 1000))

    async def user(self, principal: Principal) -> User:
        """The user behind the principal. Raises UNAUTHENTICATED if the account is gone."""
        user = await self._accounts.find_user(principal.user_id)
        if user is None:
            raise _failed()
        return user


def _failed() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Authentication failed")


def _wrong() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Invalid username or password")


def _not_active() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_ACCOUNT_DISABLED, "User account is not active")
