"""The methods of IdentityService that are about tenants: a thin adapter of `identity/tenants.py`."""

from trunkline.core.gentle import mapped
from trunkline.core.identity.tenants import Tenants
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.convert import required_id
from trunkline.core.rpc.identity_messages import tenant_details, tenant_message
from trunkline.core.rpc.paging import fitting, page_of
from trunkline.v1.identity_service_pb2 import (
    CreateTenantRequest,
    CreateTenantResponse,
    DeleteTenantRequest,
    DeleteTenantResponse,
    GetTenantRequest,
    GetTenantResponse,
    ListTenantsRequest,
    ListTenantsResponse,
    UpdateTenantRequest,
    UpdateTenantResponse,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceServicer


class TenantMethods(Authenticated, IdentityServiceServicer):
    """Tenants of the installation."""

    _tenants: Tenants

    async def CreateTenant(self, request: CreateTenantRequest, context: Context) -> CreateTenantResponse:
        """Add a tenant."""
        tenant = await self._tenants.create(self._caller(context), tenant_details(request.tenant))
        return CreateTenantResponse(tenant=tenant_message(tenant))

    async def GetTenant(self, request: GetTenantRequest, context: Context) -> GetTenantResponse:
        """One tenant by its id."""
        tenant = await self._tenants.get(self._caller(context), required_id(request.id, "id"))
        return GetTenantResponse(tenant=tenant_message(tenant))

    async def UpdateTenant(self, request: UpdateTenantRequest, context: Context) -> UpdateTenantResponse:
        """Replace what can be changed of a tenant."""
        principal, tenant_id = self._caller(context), required_id(request.tenant.id, "tenant.id")
        tenant = await self._tenants.update(principal, tenant_id, tenant_details(request.tenant), request.version)
        return UpdateTenantResponse(tenant=tenant_message(tenant))

    async def DeleteTenant(self, request: DeleteTenantRequest, context: Context) -> DeleteTenantResponse:
        """Remove a tenant and all that it has."""
        await self._tenants.delete(self._caller(context), required_id(request.id, "id"))
        return DeleteTenantResponse()

    async def ListTenants(self, request: ListTenantsRequest, context: Context) -> ListTenantsResponse:
        """One page of tenants."""
        found = await self._tenants.page(self._caller(context), page_of(request.page))
        tenants = await mapped(tenant_message, found.items)
        return fitting(ListTenantsResponse(tenants=tenants, total=found.total))
