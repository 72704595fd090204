"""Tenants, called as clients call them."""

import grpc.aio
import pytest
from doubles.bearer import Metadata, bearer
from doubles.people import NOW_MS, People

from trunkline.contract.ids import new_id
from trunkline.contract.status import error_of
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.core.store.store import Store
from trunkline.v1 import identity_pb2
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2 import (
    CreateTenantRequest,
    DeleteTenantRequest,
    GetTenantRequest,
    ListTenantsRequest,
    UpdateTenantRequest,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceStub
from trunkline.v1.page_pb2 import PageRequest
from trunkline.v1.rpc_service_pb2 import Role


@pytest.fixture
async def as_root(store: Store, tokens: Tokens) -> Metadata:
    root = User(new_id(), b"", b"", "root@example.com", Role.ROLE_SYS_ADMIN, NOW_MS)
    await store.users.add(root, password_hash="hash")
    return bearer(tokens.issue(root).access)


@pytest.mark.usefixtures("people")
async def test_from_creation_to_deletion(identity: IdentityServiceStub, as_root: Metadata) -> None:
    new = identity_pb2.Tenant(title="Firm", contact=identity_pb2.Contact(city="Berlin"), additional_info=b"{}")
    made = (await identity.CreateTenant(CreateTenantRequest(tenant=new), metadata=as_root)).tenant
    assert (made.title, made.region, made.contact.city, made.additional_info) == ("Firm", "Global", "Berlin", b"{}")
    assert (await identity.GetTenant(GetTenantRequest(id=made.id), metadata=as_root)).tenant == made

    update = UpdateTenantRequest(tenant=identity_pb2.Tenant(id=made.id, title="Company", region="EU"), version=1)
    changed = (await identity.UpdateTenant(update, metadata=as_root)).tenant
    assert (changed.title, changed.region, changed.contact.city, changed.version) == ("Company", "EU", "", 2)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.UpdateTenant(update, metadata=as_root)
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT

    request = ListTenantsRequest(page=PageRequest(size=2, sort_by="title"))
    found = await identity.ListTenants(request, metadata=as_root)
    assert ([tenant.title for tenant in found.tenants], found.total) == (["Company", "One"], 3)

    await identity.DeleteTenant(DeleteTenantRequest(id=made.id), metadata=as_root)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.GetTenant(GetTenantRequest(id=made.id), metadata=as_root)
    error = error_of(caught.value)
    assert (error.reason, error.message) == (
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"Tenant with id [{made.id}] is not found",
    )


async def test_a_tenants_administrator_makes_none(
    identity: IdentityServiceStub, tokens: Tokens, ann: User, people: People
) -> None:
    request = CreateTenantRequest(tenant=identity_pb2.Tenant(title="Mine"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.CreateTenant(request, metadata=bearer(tokens.issue(ann).access))
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_PERMISSION_DENIED
