"""How a new user gets a password: an administrator hands out a link, and whoever has it sets the first one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.openapi import body_of
from trunkline.facade.path_ids import UserId
from trunkline.facade.request_body import request_body
from trunkline.facade.schemas.logins import ActivationBody, ActivationLink, Tokens
from trunkline.v1.identity_service_pb2 import ActivateUserRequest, GetActivationTokenRequest


def activation_routes(
    connection: CoreConnection, authenticator: Authenticator, body_limit: int, *, public_url: str = ""
) -> APIRouter:
    """The routes for activation links. They begin with `public_url`, or else with what each request was sent to."""
    router = APIRouter(prefix="/api", tags=["users"])
    identity = connection.identity
    signed_in = Depends(authenticator.of_request)

    async def link_to(user_id: str, request: Request, caller: Caller) -> ActivationLink:
        asked = GetActivationTokenRequest(user_id=user_id)
        answer = await connection.ask(identity.GetActivationToken, asked, caller.token)
        base = (public_url or str(request.base_url)).rstrip("/")
        link = f"{base}/api/noauth/activate?activateToken={answer.activation_token}"
        return ActivationLink(value=link, ttl_ms=answer.remaining_ms)

    @router.get("/user/{userId}/activationLink", response_class=PlainTextResponse)
    async def activation_link(
        user_id: UserId, request: Request, caller: Annotated[Caller, signed_in]
    ) -> PlainTextResponse:
        """Where to set the user's first password, as text; its `activateToken` goes to `POST /api/noauth/activate`."""
        if not _takes_text(request.headers.get("accept", "")):
            raise HTTPException(406, "No acceptable representation")
        return PlainTextResponse((await link_to(user_id, request, caller)).value)

    @router.get("/user/{userId}/activationLinkInfo")
    async def activation_link_info(
        user_id: UserId, request: Request, caller: Annotated[Caller, signed_in]
    ) -> ActivationLink:
        """The same as JSON, and for how many milliseconds it is still good."""
        return await link_to(user_id, request, caller)

    @router.post("/noauth/activate", openapi_extra=body_of(ActivationBody))
    async def activate(request: Request) -> Tokens:
        """Set a user's first password, and log the user in."""
        body = ActivationBody.read(await request_body(request, body_limit))
        asked = ActivateUserRequest(activation_token=body.activate_token or "", password=body.password or "")
        return Tokens.of((await connection.ask(identity.ActivateUser, asked)).tokens)

    return router


def _takes_text(accept: str) -> bool:
    """Whether a client that sent this Accept header takes `text/plain`; without one it takes everything."""
    ranges = [media_range.partition(";")[0].strip().lower() for media_range in accept.split(",")]
    return not accept.strip() or any(media_range in ("text/plain", "text/*", "*/*") for media_range in ranges)
