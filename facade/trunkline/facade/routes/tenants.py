"""Tenants: organisations with devices, customers and users of their own."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.list_answers import page_answer
from trunkline.facade.openapi import EMPTY_ANSWER, body_of
from trunkline.facade.paging import paging
from trunkline.facade.path_ids import TenantId
from trunkline.facade.request_body import request_body
from trunkline.facade.schemas.base import Page
from trunkline.facade.schemas.contacts import SORTABLE
from trunkline.facade.schemas.tenants import Tenant, TenantBody
from trunkline.v1 import identity_service_pb2 as pb
from trunkline.v1.page_pb2 import PageRequest

_page: Final = Depends(paging(SORTABLE))


def tenant_routes(connection: CoreConnection, authenticator: Authenticator, body_limit: int) -> APIRouter:
    """The routes for tenants below `/api`. Include them after other nouns': there is `/api/tenant/customers`."""
    router = APIRouter(prefix="/api", tags=["tenants"])
    identity = connection.identity
    signed_in = Depends(authenticator.of_request)

    @router.post("/tenant", openapi_extra=body_of(TenantBody))
    async def save_tenant(request: Request, caller: Annotated[Caller, signed_in]) -> Tenant:
        """Add a tenant, with its default device profile; or with an `id`, change one."""
        body = TenantBody.read(await request_body(request, body_limit))
        if body.id is not None:
            return Tenant.of((await connection.ask(identity.UpdateTenant, body.update(), caller.token)).tenant)
        return Tenant.of((await connection.ask(identity.CreateTenant, body.creation(), caller.token)).tenant)

    @router.get("/tenant/{tenantId}")
    async def get_tenant(tenant_id: TenantId, caller: Annotated[Caller, signed_in]) -> Tenant:
        """One tenant."""
        return Tenant.of(
            (await connection.ask(identity.GetTenant, pb.GetTenantRequest(id=tenant_id), caller.token)).tenant
        )

    @router.delete("/tenant/{tenantId}", responses=EMPTY_ANSWER, response_class=Response)
    async def delete_tenant(tenant_id: TenantId, caller: Annotated[Caller, signed_in]) -> Response:
        """Remove a tenant and all that it has: devices, customers, users."""
        await connection.ask(identity.DeleteTenant, pb.DeleteTenantRequest(id=tenant_id), caller.token)
        return Response()

    @router.get("/tenants", response_model=Page[Tenant])
    async def get_tenants(page: Annotated[PageRequest, _page], caller: Annotated[Caller, signed_in]) -> Response:
        """All tenants."""
        answer = await connection.ask(identity.ListTenants, pb.ListTenantsRequest(page=page), caller.token)
        return await page_answer(answer.tenants, Tenant.of, answer.total, page)

    return router
