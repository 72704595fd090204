"""The methods of IdentityService that are about users: a thin adapter of `identity/users.py` and what is beside it."""

from trunkline.core.gentle import mapped
from trunkline.core.identity.activation import Activations
from trunkline.core.identity.logins import Logins
from trunkline.core.identity.users import Users
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.convert import optional_id, required_id
from trunkline.core.rpc.identity_messages import token_pair_message, user_details, user_message
from trunkline.core.rpc.paging import fitting, page_of
from trunkline.v1.identity_service_pb2 import (
    ActivateUserRequest,
    ActivateUserResponse,
    CreateUserRequest,
    CreateUserResponse,
    DeleteUserRequest,
    DeleteUserResponse,
    GetActivationTokenRequest,
    GetActivationTokenResponse,
    GetUserRequest,
    GetUserResponse,
    GetUserTokensRequest,
    GetUserTokensResponse,
    ListUsersRequest,
    ListUsersResponse,
    SetUserEnabledRequest,
    SetUserEnabledResponse,
    UpdateUserRequest,
    UpdateUserResponse,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceServicer


class UserMethods(Authenticated, IdentityServiceServicer):
    """Users, and how they come to a password."""

    _users: Users
    _activations: Activations
    _logins: Logins

    async def CreateUser(self, request: CreateUserRequest, context: Context) -> CreateUserResponse:
        """Add a user without a password."""
        user = await self._users.create(self._caller(context), user_details(request.user))
        return CreateUserResponse(user=user_message(user))

    async def GetUser(self, request: GetUserRequest, context: Context) -> GetUserResponse:
        """One user by its id."""
        user = await self._users.get(self._caller(context), required_id(request.id, "id"))
        return GetUserResponse(user=user_message(user))

    async def UpdateUser(self, request: UpdateUserRequest, context: Context) -> UpdateUserResponse:
        """Replace what can be changed of a user."""
        principal, user_id = self._caller(context), required_id(request.user.id, "user.id")
        user = await self._users.update(principal, user_id, user_details(request.user), request.version)
        return UpdateUserResponse(user=user_message(user))

    async def DeleteUser(self, request: DeleteUserRequest, context: Context) -> DeleteUserResponse:
        """Remove a user; its tokens end."""
        await self._users.delete(self._caller(context), required_id(request.id, "id"))
        return DeleteUserResponse()

    async def ListUsers(self, request: ListUsersRequest, context: Context) -> ListUsersResponse:
        """One page of users."""
        found = await self._users.page(
            self._caller(context),
            page_of(request.page),
            tenant_id=optional_id(request.tenant_id, "tenant_id"),
            customer_id=optional_id(request.customer_id, "customer_id"),
        )
        users = await mapped(user_message, found.items)
        return fitting(ListUsersResponse(users=users, total=found.total))

    async def SetUserEnabled(self, request: SetUserEnabledRequest, context: Context) -> SetUserEnabledResponse:
        """Let a user log in, or not."""
        await self._users.set_enabled(self._caller(context), required_id(request.id, "id"), request.enabled)
        return SetUserEnabledResponse()

    async def GetActivationToken(
        self, request: GetActivationTokenRequest, context: Context
    ) -> GetActivationTokenResponse:
        """What lets somebody set a user's first password."""
        principal, user_id = self._caller(context), required_id(request.user_id, "user_id")
        token, remaining_ms = await self._activations.token_of(principal, user_id)
        return GetActivationTokenResponse(activation_token=token, remaining_ms=remaining_ms)

    async def ActivateUser(self, request: ActivateUserRequest, context: Context) -> ActivateUserResponse:
        """Set a first password, for everybody who has the token."""
        pair = await self._activations.activate(request.activation_token, request.password)
        return ActivateUserResponse(tokens=token_pair_message(pair))

    async def GetUserTokens(self, request: GetUserTokensRequest, context: Context) -> GetUserTokensResponse:
        """A pair of tokens of a user whom the caller administers."""
        pair = await self._logins.impersonate(self._caller(context), required_id(request.id, "id"))
        return GetUserTokensResponse(tokens=token_pair_message(pair))
