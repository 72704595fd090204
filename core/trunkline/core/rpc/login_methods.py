"""The methods of IdentityService that are about logins: a thin adapter of `identity/logins.py`."""

from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.logins import Logins
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.identity_messages import token_pair_message, user_message
from trunkline.v1.identity_service_pb2 import (
    ChangePasswordRequest,
    ChangePasswordResponse,
    GetSelfRequest,
    GetSelfResponse,
    GetSigningKeysRequest,
    GetSigningKeysResponse,
    LoginPublicRequest,
    LoginPublicResponse,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    LogoutResponse,
    RefreshRequest,
    RefreshResponse,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceServicer


class LoginMethods(Authenticated, IdentityServiceServicer):
    """What people have for tokens, and the end of these."""

    _logins: Logins
    _key: SigningKey

    async def Login(self, request: LoginRequest, context: Context) -> LoginResponse:
        """E-mail address and password for a pair of tokens."""
        return LoginResponse(tokens=token_pair_message(await self._logins.login(request.email, request.password)))

    async def LoginPublic(self, request: LoginPublicRequest, context: Context) -> LoginPublicResponse:
        """A public customer's id for a pair of tokens."""
        return LoginPublicResponse(tokens=token_pair_message(await self._logins.login_public(request.public_id)))

    async def Refresh(self, request: RefreshRequest, context: Context) -> RefreshResponse:
        """A refresh token for a new pair."""
        return RefreshResponse(tokens=token_pair_message(await self._logins.refresh(request.refresh_token)))

    async def Logout(self, request: LogoutRequest, context: Context) -> LogoutResponse:
        """End the session of the token that came along."""
        await self._logins.logout(self._caller(context))
        return LogoutResponse()

    async def ChangePassword(self, request: ChangePasswordRequest, context: Context) -> ChangePasswordResponse:
        """Another password for the user whose token came along, and a new pair."""
        principal = self._caller(context)
        pair = await self._logins.change_password(principal, request.current_password, request.new_password)
        return ChangePasswordResponse(tokens=token_pair_message(pair))

    async def GetSelf(self, request: GetSelfRequest, context: Context) -> GetSelfResponse:
        """The user whose token came along."""
        return GetSelfResponse(user=user_message(await self._logins.user(self._caller(context))))

    async def GetSigningKeys(self, request: GetSigningKeysRequest, context: Context) -> GetSigningKeysResponse:
        """The public keys, for everybody."""
        return GetSigningKeysResponse(jwks=self._key.jwks)
