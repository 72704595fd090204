"""What an operator, who may write to the data directory, does with accounts."""

import time
from collections.abc import Callable

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.store.users import UserRows
from trunkline.v1.error_pb2 import ErrorReason


class Accounts:
    """Passwords replaced without asking for the old one. `now_s` is the wall clock in seconds."""

    def __init__(
        self,
        rows: UserRows,
        passwords: Passwords,
        revocations: Revocations,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._rows = rows
        self._passwords = passwords
        self._revocations = revocations
        self._now_s = now_s

    async def reset_password(self, email: str, password: str) -> None:
        """Give the user a new password, the first one if need be; earlier tokens are refused. Raises NOT_FOUND."""
        found = await self._rows.find_login(email)
        if found is None:
            raise TrunklineError(ErrorReason.ERROR_REASON_NOT_FOUND, f"There is no user '{email}'", email=email)
        user, old_hash = found
        new_hash = await self._passwords.hash(password)
        if user.activated:
            await self._rows.replace_password(user.id, new_hash, instead_of=old_hash)
        else:
            await self._rows.activate_unasked(user.id, new_hash)
        await self._revocations.revoke_user(user.id, int(self._now_s() * 1000) + 1)  # this millisecond's, too
