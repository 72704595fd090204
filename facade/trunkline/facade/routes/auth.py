"""Login, token refresh and the caller's own user."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request

from trunkline.contract.demo import DEMO_PASSWORDS
from trunkline.contract.errors import TrunklineError
from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.openapi import body_of
from trunkline.facade.request_body import request_body
from trunkline.facade.schemas.base import Body
from trunkline.facade.schemas.people import Credentials, Refresh, Tokens, User
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2 import GetSelfRequest, LoginRequest, RefreshRequest

_OTHER_METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]

B = TypeVar("B", bound=Body)


def auth_routes(
    connection: CoreConnection, authenticator: Authenticator, body_limit: int, *, public: bool = False
) -> APIRouter:
    """The routes below `/api/auth`. No demo's password is good where they are `public`: reached from other machines."""
    router = APIRouter(prefix="/api/auth", tags=["authentication"])

    @router.post("/login", openapi_extra=body_of(Credentials))
    async def login(request: Request) -> Tokens:
        """Exchange an e-mail and a password for a pair of tokens; the content type is not looked at."""
        credentials = _read(Credentials, await request_body(request, body_limit))
        if public and DEMO_PASSWORDS.get(credentials.username) == credentials.password:
            raise _failed(
                "Everybody knows this password from a demo, and this server is reached by others: give the account a "
                "new one with `trunkline user reset-password`"
            )
        asked = LoginRequest(email=credentials.username, password=credentials.password)
        return Tokens.of((await connection.ask(connection.identity.Login, asked)).tokens)

    @router.post("/token", openapi_extra=body_of(Refresh))
    async def refresh(request: Request) -> Tokens:
        """Exchange a refresh token for a new pair."""
        asked = RefreshRequest(refresh_token=_read(Refresh, await request_body(request, body_limit)).refresh_token)
        return Tokens.of((await connection.ask(connection.identity.Refresh, asked)).tokens)

    @router.get("/user")
    async def user(caller: Annotated[Caller, Depends(authenticator.of_request)]) -> User:
        """The caller's own user."""
        answer = await connection.ask(connection.identity.GetSelf, GetSelfRequest(), caller.token)
        return User.of(answer.user)

    @router.api_route("/login", methods=_OTHER_METHODS, include_in_schema=False)
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
