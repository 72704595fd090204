"""Customers, called as clients call them."""

import grpc.aio
import pytest
from doubles.bearer import Metadata

from trunkline.contract.ids import to_text
from trunkline.contract.status import error_of
from trunkline.core.identity.model import User
from trunkline.v1 import identity_pb2
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_service_pb2 import (
    CreateCustomerRequest,
    DeleteCustomerRequest,
    GetCustomerRequest,
    ListCustomersRequest,
    UpdateCustomerRequest,
)
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceStub
from trunkline.v1.page_pb2 import PageRequest


async def get_error(identity: IdentityServiceStub, request: GetCustomerRequest, metadata: Metadata) -> tuple[int, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.GetCustomer(request, metadata=metadata)
    error = error_of(caught.value)
    return error.reason, error.message


async def test_from_creation_to_deletion(identity: IdentityServiceStub, as_ann: Metadata, ann: User) -> None:
    new = identity_pb2.Customer(title="Firm", contact=identity_pb2.Contact(city="Berlin"), additional_info=b"{}")
    made = (await identity.CreateCustomer(CreateCustomerRequest(customer=new), metadata=as_ann)).customer
    assert (made.title, made.contact.city, made.additional_info, made.version) == ("Firm", "Berlin", b"{}", 1)
    assert made.tenant_id == to_text(ann.tenant_id)
    assert (await identity.GetCustomer(GetCustomerRequest(id=made.id), metadata=as_ann)).customer == made
    assert (await identity.GetCustomer(GetCustomerRequest(title="Firm"), metadata=as_ann)).customer == made

    update = UpdateCustomerRequest(customer=identity_pb2.Customer(id=made.id, title="Company"), version=1)
    changed = (await identity.UpdateCustomer(update, metadata=as_ann)).customer
    assert (changed.title, changed.contact.city, changed.version) == ("Company", "", 2)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.UpdateCustomer(update, metadata=as_ann)
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_VERSION_CONFLICT

    request = ListCustomersRequest(page=PageRequest(size=2, sort_by="title"))
    found = await identity.ListCustomers(request, metadata=as_ann)
    assert ([customer.title for customer in found.customers], found.total) == (["A", "B"], 3)

    await identity.DeleteCustomer(DeleteCustomerRequest(id=made.id), metadata=as_ann)
    assert await get_error(identity, GetCustomerRequest(id=made.id), as_ann) == (
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"Customer with id [{made.id}] is not found",
    )


async def test_a_customer_is_asked_for_by_id_or_title(identity: IdentityServiceStub, as_ann: Metadata) -> None:
    invalid = ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert await get_error(identity, GetCustomerRequest(), as_ann) == (invalid, "id or title is missing")
    assert await get_error(identity, GetCustomerRequest(id="x"), as_ann) == (invalid, "Invalid UUID string: x")
