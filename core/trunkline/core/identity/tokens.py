"""Tokens: the claims that ThingsBoard's clients read, signed with the installation's key.

An access token says all that a permission check needs, so verifying one reads no store.
"""

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import jwt

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, NO_ID_TEXT, from_text, to_text
from trunkline.core.identity.keys import ALGORITHM, SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.principal import Principal, session_issued_ms
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

ISSUER: Final = "thingsboard.io"

ACCESS_LIFE_S: Final = 9_000
REFRESH_LIFE_S: Final = 604_800

MAX_REMEMBERED: Final = 10_000
"""Verified tokens whose verdict is remembered."""

_REFRESH_SCOPE: Final = "REFRESH_TOKEN"


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login gives."""

    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a refresh token says."""

    user_id: bytes
    token_session_id: bytes
    issued_unix_ms: int
    is_public: bool


class Tokens:
    """Issues and verifies tokens. `now_s` is the wall clock in seconds."""

    def __init__(
        self, key: SigningKey, now_s: Callable[[], float] = time.time, *, max_remembered: int = MAX_REMEMBERED
    ) -> None:
        self._key = key
        self._now_s = now_s
        self._max_remembered = max_remembered
        self._verified: dict[str, tuple[Principal, int]] = {}  # oldest first; with the time they expire

    def issue(self, user: User, *, as_of_s: float | None = None, is_public: bool = False) -> TokenPair:
        """A pair for a new session of the user.

        `as_of_s` is when the user was read, if it was read: whatever has ended the user's tokens since then ends these,
        too. `is_public` says that it is nobody in particular.
        """
        now = self._now_s() if as_of_s is None else as_of_s
        shared: dict[str, Any] = {
            "sub": user.email,
            "userId": to_text(user.id),
            "sessionId": to_text(_new_session_id(int(now * 1000))),
            "iss": ISSUER,
            "iat": int(now),
            "isPublic": is_public,
        }
        names = {"firstName": user.first_name, "lastName": user.last_name}
        access = shared | {
            "scopes": [Role.Name(user.role).removeprefix("ROLE_")],
            "exp": int(now) + ACCESS_LIFE_S,
            **{claim: name for claim, name in names.items() if name},
            "enabled": user.enabled,
            "tenantId": to_text(user.tenant_id) or NO_ID_TEXT,
            "customerId": to_text(user.customer_id) or NO_ID_TEXT,
        }
        refresh = shared | {"scopes": [_REFRESH_SCOPE], "exp": int(now) + REFRESH_LIFE_S, "jti": str(uuid.uuid4())}
        return TokenPair(self._key.sign(access), self._key.sign(refresh))

    def verify_access(self, token: str) -> Principal:
        """The user an access token stands for; whether it was revoked is another question.

        Raises UNAUTHENTICATED (no token of ours, or a refresh token) and TOKEN_EXPIRED (expired, or of another key).
        """
        known = self._verified.get(token)
        if known is not None:
            principal, expires_s = known
            if self._now_s() >= expires_s:
                del self._verified[token]
                raise _expired()
            return principal
        claims = self._claims(token)
        try:
            principal = Principal(
                role=Role.Value(f"ROLE_{claims['scopes'][0]}"),
                tenant_id=_id_of(claims["tenantId"]),
                user_id=from_text(claims["userId"]),
                customer_id=_id_of(claims["customerId"]),
                token_session_id=from_text(claims["sessionId"]),
                issued_unix_ms=session_issued_ms(from_text(claims["sessionId"])),
                expires_unix_s=int(claims["exp"]),
            )
        except (KeyError, IndexError, ValueError):
            raise TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Authentication failed") from None
        self._verified[token] = (principal, claims["exp"])
        if len(self._verified) > self._max_remembered:
            del self._verified[next(iter(self._verified))]
        return principal

    def verify_refresh(self, token: str) -> RefreshClaims:
        """What a refresh token says; errors as in `verify_access`, the roles of the two kinds exchanged."""
        claims = self._claims(token)
        if claims.get("scopes") != [_REFRESH_SCOPE]:
            raise TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Authentication failed")
        session_id = from_text(claims["sessionId"])
        return RefreshClaims(
            user_id=from_text(claims["userId"]),
            token_session_id=session_id,
            issued_unix_ms=session_issued_ms(session_id),
            is_public=claims.get("isPublic") is True,
        )

    def _claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that our key signed and that has not expired, without leeway."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key.public,
                algorithms=[ALGORITHM],
                options={"verify_exp": False, "verify_iat": False, "require": ["exp"]},
            )
        except jwt.InvalidSignatureError:
            raise _expired() from None
        except jwt.InvalidTokenError:
            raise TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Invalid username or password") from None
        if self._now_s() >= claims["exp"]:
            raise _expired()
        return claims


def _expired() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired")


def _id_of(text: str) -> bytes:
    return NO_ID if text == NO_ID_TEXT else from_text(text)


def _new_session_id(now_unix_ms: int) -> bytes:
    """A UUID of version 7: see `session_issued_ms`."""
    raw = bytearray(now_unix_ms.to_bytes(6) + os.urandom(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)
