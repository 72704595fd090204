"""Users, called as clients call them."""

import grpc.aio
import pytest
from doubles.bearer import Metadata, bearer
from doubles.people import People

from trunkline.contract.ids import to_text
from trunkline.contract.status import error_of
from trunkline.core.identity.model import User
from trunkline.v1 import identity_pb2
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2 import (
    ActivateUserRequest,
    CreateUserRequest,
    DeleteUserRequest,
    GetActivationTokenRequest,
    GetSelfRequest,
    GetUserRequest,
    GetUserTokensRequest,
    ListUsersRequest,
    SetUserEnabledRequest,
    UpdateUserRequest,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceStub
from trunkline.v1.page_pb2 import PageRequest
from trunkline.v1.rpc_service_pb2 import Role


@pytest.fixture
async def bob(identity: IdentityServiceStub, as_ann: Metadata, people: People) -> identity_pb2.User:
    """A customer's user without a password."""
    user = identity_pb2.User(
        email="bob@example.com",
        role=Role.ROLE_CUSTOMER_USER,
        customer_id=to_text(people.customer_id),
        first_name="Bob",
        additional_info=b"{}",
    )
    return (await identity.CreateUser(CreateUserRequest(user=user), metadata=as_ann)).user


async def test_from_creation_to_deletion(
    identity: IdentityServiceStub, as_ann: Metadata, ann: User, bob: identity_pb2.User
) -> None:
    assert (bob.first_name, bob.version, bob.activated, bob.enabled) == ("Bob", 1, False, False)
    assert bob.tenant_id == to_text(ann.tenant_id)
    assert (await identity.GetUser(GetUserRequest(id=bob.id), metadata=as_ann)).user == bob

    change = identity_pb2.User(id=bob.id, email=bob.email, last_name="B")
    changed = (await identity.UpdateUser(UpdateUserRequest(user=change, version=1), metadata=as_ann)).user
    assert (changed.first_name, changed.last_name, changed.version, changed.role) == ("", "B", 2, bob.role)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.UpdateUser(UpdateUserRequest(user=change, version=1), metadata=as_ann)
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT

    request = ListUsersRequest(page=PageRequest(size=1, sort_by="email", descending=True))
    found = await identity.ListUsers(request, metadata=as_ann)
    assert ([user.email for user in found.users], found.total) == (["bob@example.com"], 2)
    found = await identity.ListUsers(ListUsersRequest(customer_id=bob.customer_id), metadata=as_ann)
    assert [user.id for user in found.users] == [bob.id]

    await identity.DeleteUser(DeleteUserRequest(id=bob.id), metadata=as_ann)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.GetUser(GetUserRequest(id=bob.id), metadata=as_ann)
    error = error_of(caught.value)
    assert (error.reason, error.message) == (
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"User with id [{bob.id}] is not found",
    )


async def test_from_activation_to_being_switched_off(
    identity: IdentityServiceStub, as_ann: Metadata, bob: identity_pb2.User
) -> None:
    shown = await identity.GetActivationToken(GetActivationTokenRequest(user_id=bob.id), metadata=as_ann)
    assert shown.remaining_ms == 86_400_000
    activation = ActivateUserRequest(activation_token=shown.activation_token, password="secret1")
    own = (await identity.ActivateUser(activation)).tokens.access_token
    lent = (await identity.GetUserTokens(GetUserTokensRequest(id=bob.id), metadata=as_ann)).tokens.access_token
    for token in (own, lent):
        user = (await identity.GetSelf(GetSelfRequest(), metadata=bearer(token))).user
        assert (user.id, user.activated, user.enabled) == (bob.id, True, True)

    await identity.SetUserEnabled(SetUserEnabledRequest(id=bob.id, enabled=False), metadata=as_ann)
    for token in (own, lent):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await identity.GetSelf(GetSelfRequest(), metadata=bearer(token))
        assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
