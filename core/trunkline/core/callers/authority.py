"""For whom a call stream may speak: a part for every caller it names, a backend for itself."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Protocol

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import BindPrincipal, RenewCredentials
from trunkline.core.identity.principal import Principal, bound_principal
from trunkline.core.rpc.authentication import Authentication
from trunkline.v1.error_pb2 import ErrorReason

MAX_PRINCIPALS = 10_000
"""Callers that one part may have bound at once."""


class Authority(Protocol):
    """What a stream's credentials allow."""

    trusted: bool
    """A part: it has validated what it passes on, and hears of revocations."""

    def principal(self, number: int) -> Principal:
        """The caller behind a StartCall. Raises UNAUTHENTICATED."""
        ...

    def bind(self, frame: BindPrincipal) -> None:
        """Name a caller. Raises PERMISSION_DENIED or QUEUE_FULL, which end the stream."""
        ...

    def renew(self, frame: RenewCredentials) -> None:
        """Take a fresh token. Raises UNAUTHENTICATED or PERMISSION_DENIED, which end the stream."""
        ...


class PartAuthority:
    """Of the facade: callers are numbered on this stream, and the numbers end with it."""

    trusted = True

    def __init__(self) -> None:
        self._principals: dict[int, Principal] = {}

    def principal(self, number: int) -> Principal:
        principal = self._principals.get(number)
        if principal is None:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_UNAUTHENTICATED, f"Principal {number} is not bound on this stream"
            )
        return principal

    def bind(self, frame: BindPrincipal) -> None:
        if frame.principal not in self._principals and len(self._principals) >= MAX_PRINCIPALS:
            raise TrunklineError(ErrorReason.ERROR_REASON_QUEUE_FULL, f"More than {MAX_PRINCIPALS} principals bound")
        self._principals[frame.principal] = bound_principal(frame)

    def renew(self, frame: RenewCredentials) -> None:
        raise TrunklineError(ErrorReason.ERROR_REASON_PERMISSION_DENIED, "A part has no token to renew")


class BackendAuthority:
    """Of a user with a token: the stream speaks for nobody else and ends with the token unless that is renewed."""

    trusted = False

    def __init__(self, authentication: Authentication, principal: Principal) -> None:
        self._authentication = authentication
        self._principal = principal
        self._life = asyncio.timeout(None)

    def principal(self, number: int) -> Principal:
        if number:
            raise TrunklineError(ErrorReason.ERROR_REASON_PERMISSION_DENIED, "Only a part may name principals")
        return self._principal

    def bind(self, frame: BindPrincipal) -> None:
        raise TrunklineError(ErrorReason.ERROR_REASON_PERMISSION_DENIED, "Only a part may name principals")

    def renew(self, frame: RenewCredentials) -> None:
        renewed = self._authentication.token(frame.token)
        if renewed.user_id != self._principal.user_id:
            raise TrunklineError(ErrorReason.ERROR_REASON_PERMISSION_DENIED, "The fresh token is another user's")
        self._principal = renewed
        self._life.reschedule(self._end())

    async def while_valid(self, serving: Coroutine[Any, Any, None]) -> None:
        """Run `serving` as long as the token is good. Raises TOKEN_EXPIRED when that ends it."""
        try:
            async with self._life:
                self._life.reschedule(self._end())
                await serving
        except TimeoutError:
            raise TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired") from None

    def _end(self) -> float:
        return asyncio.get_running_loop().time() + self._principal.expires_unix_s - time.time()
