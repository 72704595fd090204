"""Users: those who log in."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.errors import bad_request
from trunkline.facade.list_answers import page_answer
from trunkline.facade.openapi import EMPTY_ANSWER, body_of
from trunkline.facade.paging import paging
from trunkline.facade.path_ids import CustomerId, TenantId, UserId
from trunkline.facade.request_body import request_body
from trunkline.facade.schemas.base import Page
from trunkline.facade.schemas.logins import Tokens
from trunkline.facade.schemas.users import User, UserBody
from trunkline.v1 import identity_service_pb2 as pb
from trunkline.v1.page_pb2 import PageRequest

_SORTABLE: Final = {
    "createdTime": "create_time",
    "email": "email",
    "name": "email",
    "firstName": "first_name",
    "lastName": "last_name",
}

_page: Final = Depends(paging(_SORTABLE))


def user_routes(connection: CoreConnection, authenticator: Authenticator, body_limit: int) -> APIRouter:
    """The routes for users below `/api`."""
    router = APIRouter(prefix="/api", tags=["users"])
    identity = connection.identity
    signed_in = Depends(authenticator.of_request)

    @router.post("/user", openapi_extra=body_of(UserBody))
    async def save_user(
        request: Request,
        caller: Annotated[Caller, signed_in],
        send_activation_mail: Annotated[
            bool, Query(alias="sendActivationMail", description="Must be false for a new user: no mail is sent")
        ] = True,
    ) -> User:
        """Add a user, who sets a password by an activation link; or with an `id`, change one."""
        body = UserBody.read(await request_body(request, body_limit))
        if body.id is not None:
            return User.of((await connection.ask(identity.UpdateUser, body.update(), caller.token)).user)
        creation = body.creation()
        if send_activation_mail:
            raise bad_request(
                "Couldn't send user activation email: this server sends none. Ask again with sendActivationMail=false "
                "and hand out what /api/user/{userId}/activationLink answers"
            )
        return User.of((await connection.ask(identity.CreateUser, creation, caller.token)).user)

    @router.get("/user/{userId}")
    async def get_user(user_id: UserId, caller: Annotated[Caller, signed_in]) -> User:
        """One user, and among its additional info whether it may log in and when it last did."""
        return User.with_state(
            (await connection.ask(identity.GetUser, pb.GetUserRequest(id=user_id), caller.token)).user
        )

    @router.delete("/user/{userId}", responses=EMPTY_ANSWER, response_class=Response)
    async def delete_user(user_id: UserId, caller: Annotated[Caller, signed_in]) -> Response:
        """Remove a user, whose tokens are refused from now on."""
        await connection.ask(identity.DeleteUser, pb.DeleteUserRequest(id=user_id), caller.token)
        return Response()

    @router.get("/user/{userId}/token")
    async def get_user_token(user_id: UserId, caller: Annotated[Caller, signed_in]) -> Tokens:
        """A pair of tokens of a user whom the caller administers."""
        asked = pb.GetUserTokensRequest(id=user_id)
        return Tokens.of((await connection.ask(identity.GetUserTokens, asked, caller.token)).tokens)

    @router.post("/user/{userId}/userCredentialsEnabled", responses=EMPTY_ANSWER, response_class=Response)
    async def set_user_credentials_enabled(
        user_id: UserId,
        caller: Annotated[Caller, signed_in],
        enabled: Annotated[bool, Query(alias="userCredentialsEnabled")] = True,
    ) -> Response:
        """Let a user log in, or not; then the user's tokens are refused from now on."""
        asked = pb.SetUserEnabledRequest(id=user_id, enabled=enabled)
        await connection.ask(identity.SetUserEnabled, asked, caller.token)
        return Response()

    async def page_of(asked: pb.ListUsersRequest, caller: Caller) -> Response:
        answer = await connection.ask(identity.ListUsers, asked, caller.token)
        return await page_answer(answer.users, User.of, answer.total, asked.page)

    @router.get("/users", response_model=Page[User])
    async def get_users(page: Annotated[PageRequest, _page], caller: Annotated[Caller, signed_in]) -> Response:
        """All users of the caller's tenant, or of its customer."""
        return await page_of(pb.ListUsersRequest(page=page), caller)

    @router.get("/customer/{customerId}/users", response_model=Page[User])
    async def get_customer_users(
        customer_id: CustomerId, page: Annotated[PageRequest, _page], caller: Annotated[Caller, signed_in]
    ) -> Response:
        """A customer's users."""
        return await page_of(pb.ListUsersRequest(page=page, customer_id=customer_id), caller)

    @router.get("/tenant/{tenantId}/users", response_model=Page[User])
    async def get_tenant_admins(
        tenant_id: TenantId, page: Annotated[PageRequest, _page], caller: Annotated[Caller, signed_in]
    ) -> Response:
        """A tenant's administrators."""
        return await page_of(pb.ListUsersRequest(page=page, tenant_id=tenant_id), caller)

    return router
