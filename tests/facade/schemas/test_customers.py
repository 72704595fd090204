"""The shape of customers, field by field, and what is read of one."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.customers import Customer, CustomerBody
from trunkline.v1 import identity_pb2 as identity_pb
from trunkline.v1.identity_service_pb2 import CreateCustomerRequest, UpdateCustomerRequest

NONE = "13814000-1dd2-11b2-8080-808080808080"
CUSTOMER = "2a246bf2-7f96-418e-a96b-785d7893650b"
TIME = Timestamp(seconds=1_720_000_000, nanos=123_000_000)


def test_customer() -> None:
    contact = identity_pb.Contact(city="Oslo", email="a@b.c")
    customer = identity_pb.Customer(
        id="c", tenant_id="t", title="Company A", contact=contact, create_time=TIME, version=1
    )
    assert Customer.of(customer).model_dump(mode="json", by_alias=True) == {
        "id": {"entityType": "CUSTOMER", "id": "c"},
        "createdTime": 1_720_000_000_123,
        "tenantId": {"entityType": "TENANT", "id": "t"},
        "title": "Company A",
        "name": "Company A",
        "country": None,
        "state": None,
        "city": "Oslo",
        "address": None,
        "address2": None,
        "zip": None,
        "phone": None,
        "email": "a@b.c",
        "externalId": None,
        "version": 1,
        "additionalInfo": None,
    }


def test_a_whole_body() -> None:
    body = CustomerBody.read(
        b'{"id":{"entityType":"CUSTOMER","id":"%s"},"createdTime":5,"tenantId":{"entityType":"TENANT","id":"%s"},'
        b'"title":"Company A","name":"ignored","country":"NO","state":null,"city":"Oslo","address":"1","address2":"2",'
        b'"zip":"0150","phone":"+47","email":"a@b.c","externalId":null,"version":2,"additionalInfo":{"description":"d"}}'
        % (CUSTOMER.encode(), NONE.encode())
    )
    customer = identity_pb.Customer(
        title="Company A",
        contact=identity_pb.Contact(
            country="NO", city="Oslo", address="1", address2="2", zip="0150", phone="+47", email="a@b.c"
        ),
        additional_info=b'{"description":"d"}',
    )
    assert body.creation() == CreateCustomerRequest(customer=customer)
    customer.id = CUSTOMER
    assert body.update() == UpdateCustomerRequest(customer=customer, version=2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"id":"%s"}' % CUSTOMER.encode(), "Invalid request body: id: "),
        (b'{"id":{"id":"%s"}}' % CUSTOMER.encode(), "Invalid request body: id.entityType: "),
        (b'{"id":{"entityType":"USER","id":"%s"}}' % CUSTOMER.encode(), "Invalid request body: an id of type CUSTOMER"),
        (b'{"id":{"entityType":"CUSTOMER","id":"abc"}}', "Invalid UUID string: abc"),
        (b'{"createdTime":[]}', "Invalid request body: createdTime: "),
        (b'{"tenantId":5}', "Invalid request body: tenantId: "),
        (
            b'{"externalId":{"entityType":"TENANT","id":"%s"}}' % NONE.encode(),
            "Invalid request body: an id of type CUS",
        ),
        (b'{"title":{}}', "Invalid request body: title: "),
        *[(b'{"%s":[]}' % name.encode(), f"Invalid request body: {name}: ") for name in ("country", "state", "city")],
        *[(b'{"%s":{}}' % name.encode(), f"Invalid request body: {name}: ") for name in ("address", "address2", "zip")],
        *[(b'{"%s":true}' % name.encode(), f"Invalid request body: {name}: ") for name in ("phone", "email")],
        (b'{"version":1.5}', "Invalid request body: version: "),
        (b'{"additionalInfo":[1e999]}', "Invalid request body: a number is out of range"),
    ],
)
def test_each_field_wrong_once(body: bytes, message: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        CustomerBody.read(body).update()
    assert caught.value.row.http == 400
    assert caught.value.message.startswith(message)
