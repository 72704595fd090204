"""IdentityService has all that its contract says, and lets nobody in without a token."""

import inspect

import grpc.aio
import pytest
from doubles.bearer import Metadata, bearer

from trunkline.contract.status import error_of
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.core.rpc.identity_service import IdentityService
from trunkline.v1 import identity_service_pb2
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceServicer, IdentityServiceStub

METHODS = sorted(identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"].methods_by_name)

OPEN = {"GetSigningKeys", "ActivateUser"}
"""Methods that ask for no token; the logins among the others ask for something to exchange for one."""


async def reason(identity: IdentityServiceStub, method: str, metadata: Metadata) -> ErrorReason.ValueType | None:
    """Why an empty request is refused."""
    request = getattr(identity_service_pb2, f"{method}Request")()
    try:
        await getattr(identity, method)(request, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return error_of(error).reason
    return None


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_there(method: str) -> None:
    assert getattr(IdentityService, method) is not getattr(IdentityServiceServicer, method)
    assert inspect.iscoroutinefunction(getattr(IdentityService, method))  # only such are guarded


async def test_nobody_comes_in_without_a_token(channel: grpc.aio.Channel) -> None:
    identity = IdentityServiceStub(channel)
    reasons = {method: await reason(identity, method, ()) for method in METHODS}
    let_in = {method for method, why in reasons.items() if why != ErrorReason.ERROR_REASON_UNAUTHENTICATED}
    assert let_in == OPEN


async def test_an_empty_request_is_the_callers_fault(channel: grpc.aio.Channel, tokens: Tokens, ann: User) -> None:
    identity = IdentityServiceStub(channel)
    good = {"GetSelf", "GetSigningKeys", "ListCustomers", "ListUsers"}  # these need to say nothing
    ours = {"Login", "LoginPublic", "Refresh"}  # they look at no token
    for method in METHODS:
        if method == "Logout":
            continue
        why = await reason(identity, method, bearer(tokens.issue(ann).access))
        if method in good:
            assert why is None
        elif method in ours:
            assert why == ErrorReason.ERROR_REASON_UNAUTHENTICATED
        else:
            denied = method in {"CreateTenant", "ListTenants"}
            assert why == (
                ErrorReason.ERROR_REASON_PERMISSION_DENIED if denied else ErrorReason.ERROR_REASON_INVALID_ARGUMENT
            ), method
