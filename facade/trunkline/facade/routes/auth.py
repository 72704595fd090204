"""Login, token refresh, logout, and the caller's own user and password."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from trunkline.contract.demo import DEMO_PASSWORDS
from trunkline.contract.errors import TrunklineError
from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.openapi import EMPTY_ANSWER, body_of
from trunkline.facade.request_body import request_body
from trunkline.facade.schemas.base import Body
from trunkline.facade.schemas.logins import CredentialsBody, PasswordChangeBody, PublicLoginBody, RefreshBody, Tokens
from trunkline.facade.schemas.users import User
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2 import (
    ChangePasswordRequest,
    GetSelfRequest,
    LoginPublicRequest,
    LoginRequest,
    LogoutRequest,
    RefreshRequest,
)

_OTHER_METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]

B = TypeVar("B", bound=Body)


def auth_routes(
    connection: CoreConnection, authenticator: Authenticator, body_limit: int, *, public: bool = False
) -> APIRouter:
    """The routes below `/api/auth`. No demo's password is good where they are `public`: reached from other machines."""
    router = APIRouter(prefix="/api/auth", tags=["authentication"])
    identity = connection.identity
    signed_in = Depends(authenticator.of_request)

    @router.post("/login", openapi_extra=body_of(CredentialsBody))
    async def login(request: Request) -> Tokens:
        """Exchange an e-mail and a password for a pair of tokens; the content type is not looked at."""
        credentials = _read(CredentialsBody, await request_body(request, body_limit))
        if public and DEMO_PASSWORDS.get(credentials.username) == credentials.password:
            raise _failed(
                "Everybody knows this password from a demo, and this server is reached by others: give the account a "
                "new one with `trunkline user reset-password`"
            )
        asked = LoginRequest(email=credentials.username, password=credentials.password)
        return Tokens.of((await connection.ask(identity.Login, asked)).tokens)

    @router.post("/login/public", openapi_extra=body_of(PublicLoginBody))
    async def login_public(request: Request) -> Tokens:
        """Exchange the id of a public customer for a pair of tokens with which anybody may use its devices."""
        asked = LoginPublicRequest(public_id=_read(PublicLoginBody, await request_body(request, body_limit)).public_id)
        return Tokens.of((await connection.ask(identity.LoginPublic, asked)).tokens)

    @router.post("/token", openapi_extra=body_of(RefreshBody))
    async def refresh(request: Request) -> Tokens:
        """Exchange a refresh token for a new pair."""
        asked = RefreshRequest(refresh_token=_read(RefreshBody, await request_body(request, body_limit)).refresh_token)
        return Tokens.of((await connection.ask(identity.Refresh, asked)).tokens)

    @router.post("/logout", responses=EMPTY_ANSWER, response_class=Response)
    async def logout(caller: Annotated[Caller, signed_in]) -> Response:
        """End the session of the caller's token: both tokens of its pair are refused from now on."""
        await connection.ask(identity.Logout, LogoutRequest(), caller.token)
        return Response()

    @router.get("/user")
    async def user(caller: Annotated[Caller, signed_in]) -> User:
        """The caller's own user."""
        return User.of((await connection.ask(identity.GetSelf, GetSelfRequest(), caller.token)).user)

    @router.post("/changePassword", openapi_extra=body_of(PasswordChangeBody))
    async def change_password(request: Request, caller: Annotated[Caller, signed_in]) -> Tokens:
        """Give the caller another password and a new pair; all earlier tokens of the user are refused from now on."""
        body = PasswordChangeBody.read(await request_body(request, body_limit))
        asked = ChangePasswordRequest(
            current_password=body.current_password or "", new_password=body.new_password or ""
        )
        return Tokens.of((await connection.ask(identity.ChangePassword, asked, caller.token)).tokens)

    @router.api_route("/login", methods=_OTHER_METHODS, include_in_schema=False)
    @router.api_route("/login/public", methods=_OTHER_METHODS, include_in_schema=False)
    @router.api_route("/token", methods=_OTHER_METHODS, include_in_schema=False)
    async def wrong_method() -> None:
        raise _failed("Authentication method not supported")

    return router


def _read(schema: type[B], body: bytes) -> B:
    """A body without a blank field; ThingsBoard says no more than that authentication failed if it is anything else."""
    try:
        read = schema.read(body)
    except TrunklineError:
        raise _failed("Authentication failed") from None
    if not all(str(value).strip() for _, value in read):
        raise _failed("Authentication failed")
    return read


def _failed(message: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, message)
