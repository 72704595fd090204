"""IdentityService over gRPC: a thin adapter of `identity/logins.py`."""

from typing import Any

import grpc.aio

from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.logins import Logins
from trunkline.core.rpc.authentication import Authentication
from trunkline.core.rpc.convert import token_pair_message, user_message
from trunkline.v1.identity_service_pb2 import (
    GetSelfRequest,
    GetSelfResponse,
    GetSigningKeysRequest,
    GetSigningKeysResponse,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    LogoutResponse,
    RefreshRequest,
    RefreshResponse,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class IdentityService(IdentityServiceServicer):
    """Logins for everybody, the rest for whoever shows a token."""

    def __init__(self, authentication: Authentication, logins: Logins, key: SigningKey) -> None:
        self._logins = logins
        self._key = key
        self._authentication = authentication

    async def Login(self, request: LoginRequest, context: Context) -> LoginResponse:
        """E-mail address and password for a pair of tokens."""
        return LoginResponse(tokens=token_pair_message(await self._logins.login(request.email, request.password)))

    async def Refresh(self, request: RefreshRequest, context: Context) -> RefreshResponse:
        """A refresh token for a new pair."""
        return RefreshResponse(tokens=token_pair_message(await self._logins.refresh(request.refresh_token)))

    async def Logout(self, request: LogoutRequest, context: Context) -> LogoutResponse:
        """End the session of the token that came along."""
        await self._logins.logout(self._authentication.principal(context.invocation_metadata()))
        return LogoutResponse()

    async def GetSelf(self, request: GetSelfRequest, context: Context) -> GetSelfResponse:
        """The user whose token came along."""
        principal = self._authentication.principal(context.invocation_metadata())
        return GetSelfResponse(user=user_message(await self._logins.user(principal)))

    async def GetSigningKeys(self, request: GetSigningKeysRequest, context: Context) -> GetSigningKeysResponse:
        """The public keys, for everybody."""
        return GetSigningKeysResponse(jwks=self._key.jwks)
