"""Logins, called as clients call them."""

import grpc.aio
import jwt
import pytest
from doubles.bearer import Metadata, bearer
from doubles.people import NOW_MS, People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.contract.status import error_of
from trunkline.core.identity.model import Customer, User
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2 import (
    ChangePasswordRequest,
    GetSelfRequest,
    GetSigningKeysRequest,
    LoginPublicRequest,
    LoginRequest,
    LogoutRequest,
    RefreshRequest,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceStub


async def self_error(identity: IdentityServiceStub, metadata: Metadata) -> TrunklineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.GetSelf(GetSelfRequest(), metadata=metadata)
    return error_of(caught.value)


async def test_from_login_to_logout(identity: IdentityServiceStub, ann: User) -> None:
    pair = (await identity.Login(LoginRequest(email=ann.email, password="secret"))).tokens
    user = (await identity.GetSelf(GetSelfRequest(), metadata=bearer(pair.access_token))).user
    assert (user.id, user.email, user.role) == (to_text(ann.id), ann.email, ann.role)
    assert user.tenant_id == to_text(ann.tenant_id)

    second = (await identity.Refresh(RefreshRequest(refresh_token=pair.refresh_token))).tokens
    await identity.Logout(LogoutRequest(), metadata=bearer(pair.access_token))
    error = await self_error(identity, bearer(pair.access_token))
    assert (error.reason, error.message) == (ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired")
    await identity.GetSelf(GetSelfRequest(), metadata=bearer(second.access_token))


async def test_a_wrong_password_is_told_with_its_reason(identity: IdentityServiceStub, ann: User) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.Login(LoginRequest(email=ann.email, password="wrong"))
    error = error_of(caught.value)
    assert (error.reason, error.message) == (
        ErrorReason.ERROR_REASON_UNAUTHENTICATED,
        "Invalid username or password",
    )


async def test_without_a_token_nobody_has_a_self(identity: IdentityServiceStub) -> None:
    assert (await self_error(identity, ())).reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED


async def test_everybody_may_have_the_keys_and_verify(identity: IdentityServiceStub, ann: User) -> None:
    keys = jwt.PyJWKSet.from_json((await identity.GetSigningKeys(GetSigningKeysRequest())).jwks.decode())
    token = (await identity.Login(LoginRequest(email=ann.email, password="secret"))).tokens.access_token
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["ES256"], options={"verify_exp": False, "verify_iat": False})
    assert claims["sub"] == ann.email


async def test_a_new_password_ends_the_token_it_was_changed_with(
    identity: IdentityServiceStub, ann: User, wall: WallClock
) -> None:
    old = (await identity.Login(LoginRequest(email=ann.email, password="secret"))).tokens.access_token
    request = ChangePasswordRequest(current_password="secret", new_password="secret2")
    new = (await identity.ChangePassword(request, metadata=bearer(old))).tokens.access_token
    assert (await self_error(identity, bearer(old))).reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
    assert (await identity.GetSelf(GetSelfRequest(), metadata=bearer(new))).user.id == to_text(ann.id)
    wall.now_s += 1
    assert await identity.Login(LoginRequest(email=ann.email, password="secret2"))


async def test_a_public_customer_lets_anybody_in(identity: IdentityServiceStub, store: Store, people: People) -> None:
    customer = Customer(new_id(), people.tenant_id, "Public", NOW_MS, is_public=True)
    await store.customers.add(customer)
    pair = (await identity.LoginPublic(LoginPublicRequest(public_id=to_text(customer.id)))).tokens
    error = await self_error(identity, bearer(pair.access_token))
    assert error.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert await identity.Refresh(RefreshRequest(refresh_token=pair.refresh_token))
