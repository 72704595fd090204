"""The methods of IdentityService that are about customers: a thin adapter of `identity/customers.py`."""

from trunkline.core.gentle import mapped
from trunkline.core.identity.customers import Customers
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.convert import required_id
from trunkline.core.rpc.identity_messages import customer_details, customer_message
from trunkline.core.rpc.paging import fitting, page_of
from trunkline.core.validation import invalid
from trunkline.v1.identity_service_pb2 import (
    CreateCustomerRequest,
    CreateCustomerResponse,
    DeleteCustomerRequest,
    DeleteCustomerResponse,
    GetCustomerRequest,
    GetCustomerResponse,
    ListCustomersRequest,
    ListCustomersResponse,
    UpdateCustomerRequest,
    UpdateCustomerResponse,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceServicer


class CustomerMethods(Authenticated, IdentityServiceServicer):
    """Customers of the caller's tenant."""

    _customers: Customers

    async def CreateCustomer(self, request: CreateCustomerRequest, context: Context) -> CreateCustomerResponse:
        """Add a customer."""
        customer = await self._customers.create(self._caller(context), customer_details(request.customer))
        return CreateCustomerResponse(customer=customer_message(customer))

    async def GetCustomer(self, request: GetCustomerRequest, context: Context) -> GetCustomerResponse:
        """One customer by its id or its title."""
        principal = self._caller(context)
        match request.WhichOneof("by"):
            case "id":
                customer = await self._customers.get(principal, required_id(request.id, "id"))
            case "title":
                customer = await self._customers.get_by_title(principal, request.title)
            case None:
                invalid("id or title is missing", "by")
        return GetCustomerResponse(customer=customer_message(customer))

    async def UpdateCustomer(self, request: UpdateCustomerRequest, context: Context) -> UpdateCustomerResponse:
        """Replace what can be changed of a customer."""
        customer = await self._customers.update(
            self._caller(context),
            required_id(request.customer.id, "customer.id"),
            customer_details(request.customer),
            request.version,
        )
        return UpdateCustomerResponse(customer=customer_message(customer))

    async def DeleteCustomer(self, request: DeleteCustomerRequest, context: Context) -> DeleteCustomerResponse:
        """Remove a customer and its users; its devices become unassigned."""
        await self._customers.delete(self._caller(context), required_id(request.id, "id"))
        return DeleteCustomerResponse()

    async def ListCustomers(self, request: ListCustomersRequest, context: Context) -> ListCustomersResponse:
        """One page of customers."""
        found = await self._customers.page(self._caller(context), page_of(request.page))
        customers = await mapped(customer_message, found.items)
        return fitting(ListCustomersResponse(customers=customers, total=found.total))
