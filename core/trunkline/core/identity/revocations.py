"""Which tokens are refused though their signature is good: after a logout, a new password, or the account's end."""

from collections.abc import Callable, Iterable
from typing import Final

from trunkline.contract.streams.frames import PrincipalRevoked
from trunkline.core.identity.principal import Principal, session_issued_ms
from trunkline.core.store.revocations import KEEP_MS, Revocation, RevocationRows

MAX_SESSIONS: Final = 100_000
"""Logged-out sessions held in memory."""

Listener = Callable[[PrincipalRevoked], None]


class Revocations:
    """All revocations that still matter, in memory; the table keeps them over restarts. Build it with `load`."""

    def __init__(self, rows: RevocationRows, *, max_sessions: int = MAX_SESSIONS) -> None:
        self._rows = rows
        self._max_sessions = max_sessions
        self._sessions: dict[bytes, Revocation] = {}  # oldest first
        self._users: dict[bytes, Revocation] = {}  # oldest first
        self._listeners: list[Listener] = []

    @classmethod
    async def load(cls, rows: RevocationRows, now_unix_ms: int, *, max_sessions: int = MAX_SESSIONS) -> "Revocations":
        """What the table holds and still matters."""
        revocations = cls(rows, max_sessions=max_sessions)
        for revocation in await rows.living(now_unix_ms):
            revocations._remember(revocation)
        return revocations

    def is_revoked(self, principal: Principal) -> bool:
        """Whether the principal's token was revoked; cheap enough for every call."""
        if principal.token_session_id in self._sessions:
            return True
        of_user = self._users.get(principal.user_id)
        return of_user is not None and principal.issued_unix_ms < of_user.issued_before_unix_ms

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every revocation from now on; call the result to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def revoke_session(self, user_id: bytes, token_session_id: bytes, now_unix_ms: int) -> None:
        """Refuse the two tokens of one login or refresh from now on."""
        await self._add(Revocation(user_id, token_session_id, now_unix_ms, now_unix_ms + KEEP_MS))

    async def revoke_user(self, user_id: bytes, now_unix_ms: int) -> None:
        """Refuse every token of the user that was issued before now."""
        await self._add(Revocation(user_id, b"", now_unix_ms, now_unix_ms + KEEP_MS))

    def take(self, revocations: Iterable[Revocation]) -> None:
        """Refuse from now on what these say; they are in the table already."""
        for revocation in revocations:
            self._forget(revocation.forget_unix_ms - KEEP_MS)
            self._remember(revocation)
            frame = PrincipalRevoked(revocation.user_id, revocation.token_session_id, revocation.issued_before_unix_ms)
            for listener in tuple(self._listeners):
                listener(frame)

    async def _add(self, revocation: Revocation) -> None:
        await self._rows.add(revocation)
        self.take([revocation])

    def _remember(self, revocation: Revocation) -> None:
        if not revocation.token_session_id:
            self._users.pop(revocation.user_id, None)
            self._users[revocation.user_id] = revocation
            return
        self._sessions[revocation.token_session_id] = revocation
        if len(self._sessions) > self._max_sessions:
            self._widen(self._sessions.pop(next(iter(self._sessions))))

    def _widen(self, revocation: Revocation) -> None:
        """Keep a session refused without remembering it: refuse the user's tokens up to it, older logins included."""
        before = session_issued_ms(revocation.token_session_id) + 1
        known = self._users.get(revocation.user_id)
        if known is None or known.issued_before_unix_ms < before:
            self._remember(Revocation(revocation.user_id, b"", before, revocation.forget_unix_ms))

    def _forget(self, now_unix_ms: int) -> None:
        for kept in (self._sessions, self._users):
            while kept:
                oldest = next(iter(kept))
                if kept[oldest].forget_unix_ms > now_unix_ms:
                    break
                del kept[oldest]
