"""Customers: those to whom a tenant gives devices."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.list_answers import page_answer
from trunkline.facade.openapi import EMPTY_ANSWER, body_of
from trunkline.facade.paging import paging
from trunkline.facade.path_ids import CustomerId
from trunkline.facade.request_body import request_body
from trunkline.facade.schemas.base import Page
from trunkline.facade.schemas.contacts import SORTABLE
from trunkline.facade.schemas.customers import Customer, CustomerBody
from trunkline.v1 import identity_service_pb2 as pb
from trunkline.v1.page_pb2 import PageRequest

_page: Final = Depends(paging(SORTABLE))


def customer_routes(connection: CoreConnection, authenticator: Authenticator, body_limit: int) -> APIRouter:
    """The routes for customers below `/api`."""
    router = APIRouter(prefix="/api", tags=["customers"])
    identity = connection.identity
    signed_in = Depends(authenticator.of_request)

    @router.post("/customer", openapi_extra=body_of(CustomerBody))
    async def save_customer(request: Request, caller: Annotated[Caller, signed_in]) -> Customer:
        """Add a customer; or with an `id`, change one."""
        body = CustomerBody.read(await request_body(request, body_limit))
        if body.id is not None:
            answer = await connection.ask(identity.UpdateCustomer, body.update(), caller.token)
            return Customer.of(answer.customer)
        return Customer.of((await connection.ask(identity.CreateCustomer, body.creation(), caller.token)).customer)

    @router.get("/customer/{customerId}")
    async def get_customer(customer_id: CustomerId, caller: Annotated[Caller, signed_in]) -> Customer:
        """One customer."""
        asked = pb.GetCustomerRequest(id=customer_id)
        return Customer.of((await connection.ask(identity.GetCustomer, asked, caller.token)).customer)

    @router.delete("/customer/{customerId}", responses=EMPTY_ANSWER, response_class=Response)
    async def delete_customer(customer_id: CustomerId, caller: Annotated[Caller, signed_in]) -> Response:
        """Remove a customer and its users; its devices become unassigned."""
        await connection.ask(identity.DeleteCustomer, pb.DeleteCustomerRequest(id=customer_id), caller.token)
        return Response()

    @router.get("/customers", response_model=Page[Customer])
    async def get_customers(page: Annotated[PageRequest, _page], caller: Annotated[Caller, signed_in]) -> Response:
        """The tenant's customers."""
        answer = await connection.ask(identity.ListCustomers, pb.ListCustomersRequest(page=page), caller.token)
        return await page_answer(answer.customers, Customer.of, answer.total, page)

    @router.get("/tenant/customers")
    async def find_customer(
        title: Annotated[str, Query(alias="customerTitle")], caller: Annotated[Caller, signed_in]
    ) -> Customer:
        """The tenant's customer of that title."""
        asked = pb.GetCustomerRequest(title=title)
        return Customer.of((await connection.ask(identity.GetCustomer, asked, caller.token)).customer)

    return router
