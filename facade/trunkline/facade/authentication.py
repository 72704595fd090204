"""Who is calling: from a request's headers to a principal that the core knows by number.

The facade verifies tokens itself, with the core's public keys, and remembers the verdict until the token expires. The
core's revocations empty that memory, and without a stream, on which they come, nothing is remembered. A revoked token
that slips through is refused by the core, which has the last word on every call.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

import jwt
import msgspec
from starlette.requests import Request

from trunkline.client.call_stream import CallStream
from trunkline.contract import ids
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import BindPrincipal, PrincipalRevoked
from trunkline.facade.signing_keys import SigningKeys
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

_NONE: Final = ids.from_text(ids.NO_ID_TEXT)

_ROLES: Final[Mapping[str, Role.ValueType]] = {
    "SYS_ADMIN": Role.ROLE_SYS_ADMIN,
    "TENANT_ADMIN": Role.ROLE_TENANT_ADMIN,
    "CUSTOMER_USER": Role.ROLE_CUSTOMER_USER,
}
_REFRESH_SCOPE: Final = "REFRESH_TOKEN"

_OPTIONS: Final[Any] = {"require": ["exp", "iat"], "verify_iat": False, "verify_aud": False, "verify_iss": False}


class Caller(msgspec.Struct, frozen=True, gc=False):
    """A verified access token."""

    token: str
    principal: BindPrincipal
    expires_s: int
    """Unix seconds."""


class Authenticator:
    """Turns request headers into callers."""

    def __init__(self, calls: CallStream, keys: SigningKeys, *, cache_size: int) -> None:
        self._calls = calls
        self._keys = keys
        self._cache_size = cache_size
        self._remembered: dict[bytes, Caller] = {}
        calls.on_revoked = self._forget
        calls.on_connection = self._forget

    def recall(self, token: bytes) -> Caller | None:
        """The caller with this token, if it was verified before and that still holds."""
        caller = self._remembered.get(token)
        if caller is not None and caller.expires_s > time.time() and self._calls.connected:
            return caller
        return None

    async def verify(self, token: bytes) -> Caller:
        """The caller with this token. Raises TrunklineError if it is no good."""
        caller = await self._verify(token)
        if self._calls.connected:
            if len(self._remembered) >= self._cache_size:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[token] = caller
        return caller

    async def authenticate(self, headers: Mapping[bytes, bytes]) -> Caller:
        """The caller who sent these headers. Raises TrunklineError."""
        token = token_of(headers)
        return self.recall(token) or await self.verify(token)

    async def of_request(self, request: Request) -> Caller:
        """The same as a dependency of ordinary routes."""
        return await self.authenticate(dict(request.headers.raw))

    def _forget(self, cause: PrincipalRevoked | bool) -> None:
        """Something was revoked, or may be while there is no stream to say so."""
        self._remembered.clear()

    async def _verify(self, token: bytes) -> Caller:
        try:
            text = token.decode("ascii")
            header = jwt.get_unverified_header(text)
        except (UnicodeDecodeError, jwt.PyJWTError):
            raise _malformed() from None
        key_id = header.get("kid")
        key = await self._keys.find(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise _expired()
        try:
            claims = jwt.decode(text, key, algorithms=["ES256"], options=_OPTIONS)
        except (jwt.ExpiredSignatureError, jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            raise _expired() from None
        except jwt.PyJWTError:
            raise _malformed() from None
        return Caller(text, _principal(claims), claims["exp"])


def token_of(headers: Mapping[bytes, bytes]) -> bytes:
    """The token in a request's headers. `X-Authorization` goes before `Authorization`, and there a bare JWT will do.

    Raises TrunklineError (UNAUTHENTICATED) if there is none.
    """
    value = headers.get(b"x-authorization")
    bare_allowed = value is not None
    if value is None:
        value = headers.get(b"authorization")
        if value is None:
            raise _unauthenticated()
    if value.startswith(b"Bearer "):
        return value[7:]
    if value.startswith(b"ApiKey "):
        raise _malformed()
    if bare_allowed and value.count(b".") == 2 and b" " not in value:
        return value
    raise _unauthenticated()


def _principal(claims: Mapping[str, Any]) -> BindPrincipal:
    scopes = claims.get("scopes")
    scope = scopes[0] if isinstance(scopes, list) and scopes else None
    if scope == _REFRESH_SCOPE:
        raise _unauthenticated()
    role = _ROLES.get(scope) if isinstance(scope, str) else None
    if role is None:
        raise TrunklineError(
            ErrorReason.ERROR_REASON_PERMISSION_DENIED, "You don't have permission to perform this operation!"
        )
    try:
        return BindPrincipal(
            principal=0,
            tenant_id=_entity(claims["tenantId"]),
            user_id=ids.from_text(claims["userId"]),
            role=role,
            customer_id=_entity(claims["customerId"]),
            token_session_id=ids.from_text(claims["sessionId"]),
            issued_unix_ms=int(claims["iat"]) * 1000,
        )
    except (KeyError, ValueError, AttributeError, TypeError):
        raise _malformed() from None


def _entity(text: str) -> bytes:
    value = ids.from_text(text)
    return ids.NO_ID if value == _NONE else value


# ThingsBoard's texts; its console refreshes its token when it reads TOKEN_EXPIRED's error code.


def _unauthenticated() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Authentication failed")


def _malformed() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Invalid username or password")


def _expired() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired")
