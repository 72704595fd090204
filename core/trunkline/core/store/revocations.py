"""Revoked tokens on disk: what a restarted core must still refuse."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.core.store.database import Database
from trunkline.core.store.tables import revocations

KEEP_MS: Final = 604_800_000
"""As long as a refresh token lives: after that a revoked token is refused for its age."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens that are refused though their signature is good."""

    user_id: bytes
    token_session_id: bytes
    """Empty: all of the user's tokens that were issued earlier than `issued_before_unix_ms`."""
    issued_before_unix_ms: int
    forget_unix_ms: int
    """When the last of them has expired anyway."""


@dataclass(frozen=True, slots=True)
class Departure:
    """What went with a user, a customer or a tenant."""

    revocations: list[Revocation]
    device_ids: list[bytes]
    """Devices that were deleted with the tenant, or that the customer had."""
    found: bool
    """The customer or tenant was there."""


class RevocationRows:
    """The table of revocations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, revocation: Revocation) -> None:
        """Remember `revocation` in place of an earlier one for the same user and session."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(revocations)
                .where(revocations.c.user_id == revocation.user_id)
                .where(revocations.c.token_session_id == revocation.token_session_id)
            )
            await connection.execute(insert(revocations).values(asdict(revocation)))

        await self._database.run(work)

    async def living(self, now_unix_ms: int) -> list[Revocation]:
        """Those that still matter, the earliest to be forgotten first; the others are deleted."""

        async def work(connection: AsyncConnection) -> list[Revocation]:
            await connection.execute(delete(revocations).where(revocations.c.forget_unix_ms <= now_unix_ms))
            rows = await connection.execute(select(revocations).order_by(revocations.c.forget_unix_ms))
            return [
                Revocation(row.user_id, row.token_session_id, row.issued_before_unix_ms, row.forget_unix_ms)
                for row in rows
            ]

        return await self._database.run(work)


async def revoke_departed(connection: AsyncConnection, user_ids: Iterable[bytes], now_unix_ms: int) -> list[Revocation]:
    """Revoke, in the transaction that removes these users, every token they will ever have had."""
    forget = now_unix_ms + KEEP_MS
    departed = [Revocation(user_id, b"", forget, forget) for user_id in user_ids]
    if departed:
        earlier = delete(revocations).where(revocations.c.user_id == bindparam("departed"))
        await connection.execute(earlier, [{"departed": revocation.user_id} for revocation in departed])
        await connection.execute(insert(revocations), [asdict(revocation) for revocation in departed])
    return departed
