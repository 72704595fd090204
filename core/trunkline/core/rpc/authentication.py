"""Who is on the other side of a gRPC call, by its metadata: a user with a token, or a part of the installation."""

import asyncio
import hmac
import time
from collections.abc import Coroutine, Iterable
from typing import Any

from trunkline.contract.errors import TrunklineError
from trunkline.contract.metadata import AUTHORIZATION, PART_SECRET
from trunkline.contract.streams.frames import PrincipalRevoked
from trunkline.core.identity.principal import Part, Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import Tokens
from trunkline.v1.error_pb2 import ErrorReason

Metadata = Iterable[tuple[str, str | bytes]]

_BEARER = "Bearer "


class Authentication:
    """Checks metadata against the installation's secret and the core's own tokens."""

    def __init__(self, part_secret: str, tokens: Tokens, revocations: Revocations) -> None:
        self._part_secret = part_secret.encode()
        self._tokens = tokens
        self._revocations = revocations

    def caller(self, metadata: Metadata | None) -> Principal | Part:
        """Whoever sent the metadata. With a token it is the token's user, also where a part passes it on.

        Raises UNAUTHENTICATED (nothing shown, or nothing that we know) and TOKEN_EXPIRED (also for a revoked token).
        """
        shown = {key: value for key, value in metadata or () if key in (AUTHORIZATION, PART_SECRET)}
        secret = shown.get(PART_SECRET)
        if secret is not None and not self._is_secret(secret):
            raise TrunklineError(
                ErrorReason.ERROR_REASON_UNAUTHENTICATED,
                "This is not the installation's secret; take it from the core's data directory",
            )
        authorization = shown.get(AUTHORIZATION)
        if isinstance(authorization, str):
            return self.bearer(authorization)
        if secret is None:
            raise _failed()
        return Part()

    def principal(self, metadata: Metadata | None) -> Principal:
        """The user who sent the metadata; UNAUTHENTICATED also for a part that speaks for nobody."""
        caller = self.caller(metadata)
        if isinstance(caller, Part):
            raise _failed()
        return caller

    def part(self, metadata: Metadata | None) -> Part:
        """The part that sent the metadata; PERMISSION_DENIED for a user, who may not do what parts do."""
        caller = self.caller(metadata)
        if isinstance(caller, Principal):
            raise TrunklineError(
                ErrorReason.ERROR_REASON_PERMISSION_DENIED, "Only a part of the installation may do this"
            )
        return caller

    def bearer(self, authorization: str) -> Principal:
        """The user whom `Bearer <JWT>` proves; errors as in `caller`."""
        if not authorization.startswith(_BEARER):
            raise _failed()
        return self.token(authorization.removeprefix(_BEARER))

    def token(self, token: str) -> Principal:
        """The user whom a bare JWT proves, as RenewCredentials carries it; errors as in `caller`."""
        principal = self._tokens.verify_access(token)
        if self._revocations.is_revoked(principal):
            raise _expired()
        return principal

    async def while_valid(self, principal: Principal, serving: Coroutine[Any, Any, None]) -> None:
        """Run `serving` as long as the principal's token is good. Raises TOKEN_EXPIRED when it no longer is."""
        life = asyncio.timeout(max(0.0, principal.expires_unix_s - time.time()))

        def look(_revoked: PrincipalRevoked) -> None:
            if self._revocations.is_revoked(principal) and not life.expired():
                life.reschedule(asyncio.get_running_loop().time())

        try:
            async with life:
                unsubscribe = self._revocations.subscribe(look)
                try:
                    await serving
                finally:
                    unsubscribe()
        except TimeoutError:
            if life.expired():
                raise _expired() from None
            raise

    def _is_secret(self, shown: str | bytes) -> bool:
        return hmac.compare_digest(shown.encode() if isinstance(shown, str) else shown, self._part_secret)


def _expired() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired")


def _failed() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Authentication failed")
