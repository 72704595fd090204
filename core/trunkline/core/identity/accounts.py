"""What an operator does with accounts. Each change that makes an old token wrong revokes the user's tokens."""

import time
from collections.abc import Callable

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.model import User
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.store.accounts import AccountRows
from trunkline.v1.error_pb2 import ErrorReason


class Accounts:
    """Passwords replaced, accounts switched off and on. `now_s` is the wall clock in seconds."""

    def __init__(
        self,
        rows: AccountRows,
        passwords: Passwords,
        revocations: Revocations,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._rows = rows
        self._passwords = passwords
        self._revocations = revocations
        self._now_s = now_s

    async def reset_password(self, email: str, password: str) -> None:
        """Give the user a new password; tokens issued before are refused. Raises NOT_FOUND."""
        user = await self._find(email)
        await self._rows.set_password(user.id, await self._passwords.hash(password))
        await self._revoke(user)

    async def set_enabled(self, email: str, enabled: bool) -> None:
        """Let the user log in, or not; disabled, the user's tokens are refused at once. Raises NOT_FOUND."""
        user = await self._find(email)
        await self._rows.set_enabled(user.id, enabled)
        if not enabled:
            await self._revoke(user)

    async def _find(self, email: str) -> User:
        found = await self._rows.find_login(email)
        if found is None:
            raise TrunklineError(ErrorReason.ERROR_REASON_NOT_FOUND, f"There is no user '{email}'", email=email)
        return found[0]

    async def _revoke(self, user: User) -> None:
        await self._revocations.revoke_user(user.id, int(self._now_s() * 1000))
