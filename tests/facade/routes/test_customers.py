"""Customers over REST: what the core is asked, and on whose behalf."""

import httpx
import pytest
from doubles.recording_core import RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_pb2 import Contact, Customer
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
from trunkline.v1.page_pb2 import PageRequest

CUSTOMER = "2a246bf2-7f96-418e-a96b-785d7893650b"
STORED = Customer(id=CUSTOMER, title="Company A", version=1)


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    core.answers |= {
        CreateCustomerRequest: CreateCustomerResponse(customer=STORED),
        UpdateCustomerRequest: UpdateCustomerResponse(customer=STORED),
        GetCustomerRequest: GetCustomerResponse(customer=STORED),
        DeleteCustomerRequest: DeleteCustomerResponse(),
        ListCustomersRequest: ListCustomersResponse(customers=[STORED], total=1),
    }


async def test_a_new_customer(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.post("/api/customer", content=b'{"title":"Company A","city":"Oslo"}', headers=bearer)
    assert (response.status_code, response.json()["id"]) == (200, {"entityType": "CUSTOMER", "id": CUSTOMER})
    assert core.asked == [CreateCustomerRequest(customer=Customer(title="Company A", contact=Contact(city="Oslo")))]
    assert core.tokens == [bearer["X-Authorization"]]


async def test_a_changed_customer(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    body = b'{"id":{"entityType":"CUSTOMER","id":"%s"},"title":"B","version":1}' % CUSTOMER.encode()
    assert (await client.post("/api/customer", content=body, headers=bearer)).status_code == 200
    (asked,) = core.asked
    assert (asked.customer.id, asked.customer.title, asked.version) == (CUSTOMER, "B", 1)
    assert isinstance(asked, UpdateCustomerRequest)


async def test_one_customer(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.get(f"/api/customer/{CUSTOMER}", headers=bearer)
    assert response.json()["title"] == "Company A"
    response = await client.get("/api/tenant/customers?customerTitle=Company%20A", headers=bearer)
    assert response.json()["title"] == "Company A"
    assert core.asked == [GetCustomerRequest(id=CUSTOMER), GetCustomerRequest(title="Company A")]


async def test_deletion(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.delete(f"/api/customer/{CUSTOMER}", headers=bearer)
    assert (response.status_code, response.content) == (200, b"")
    assert core.asked == [DeleteCustomerRequest(id=CUSTOMER)]


async def test_a_list(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    query = "pageSize=10&page=0&textSearch=comp&sortProperty=title&sortOrder=DESC"
    response = await client.get(f"/api/customers?{query}", headers=bearer)
    shown = response.json()
    assert [customer["name"] for customer in shown.pop("data")] == ["Company A"]
    assert shown == {"totalPages": 1, "totalElements": 1, "hasNext": False}
    page = PageRequest(size=10, text_search="comp", sort_by="title", descending=True)
    assert core.asked == [ListCustomersRequest(page=page)]


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "/api/customer", b"", "Invalid request body: "),
        ("POST", "/api/customer", b'{"title":[]}', "Invalid request body: title: "),
        ("GET", "/api/customer/abc", b"", "Invalid UUID string: abc"),
        ("DELETE", "/api/customer/abc", b"", "Invalid UUID string: abc"),
        ("GET", "/api/customers?pageSize=1", b"", "Required request parameter 'page'"),
        ("GET", "/api/customers?pageSize=1&page=-1", b"", "Incorrect page link page '-1'"),
        ("GET", "/api/tenant/customers", b"", "Required request parameter 'customerTitle'"),
    ],
)
async def test_bad_input(
    client: httpx.AsyncClient,
    core: RecordingCore,
    bearer: dict[str, str],
    method: str,
    path: str,
    body: bytes,
    message: str,
) -> None:
    response = await client.request(method, path, content=body, headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"].startswith(message)
    assert core.asked == []


async def test_what_the_core_refuses(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    reason = ErrorReason.ERROR_REASON_ALREADY_EXISTS
    core.answers[CreateCustomerRequest] = TrunklineError(reason, "Customer with such title already exists!")
    response = await client.post("/api/customer", content=b'{"title":"Company A"}', headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"] == "Customer with such title already exists!"
