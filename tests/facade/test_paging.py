"""Query parameters of lists, with ThingsBoard's texts."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError

from trunkline.contract.errors import TrunklineError
from trunkline.facade.errors import on_trunkline_error, on_validation_error
from trunkline.facade.paging import paging
from trunkline.v1.page_pb2 import PageRequest

SORTABLE = {"createdTime": "create_time", "name": "name"}


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI(exception_handlers={TrunklineError: on_trunkline_error, RequestValidationError: on_validation_error})

    @app.get("/list")
    async def _(page: Annotated[PageRequest, Depends(paging(SORTABLE))]) -> dict[str, Any]:
        return {field.name: value for field, value in page.ListFields()}

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trunkline")


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("pageSize=10&page=0", {"size": 10}),
        ("pageSize=1&page=7&textSearch=Pump%207", {"size": 1, "number": 7, "text_search": "Pump 7"}),
        ("pageSize=10&page=0&textSearch=&sortProperty=&sortOrder=", {"size": 10}),
        ("pageSize=10&page=0&sortProperty=createdTime", {"size": 10, "sort_by": "create_time"}),
        ("pageSize=10&page=0&sortProperty=name&sortOrder=asc", {"size": 10, "sort_by": "name"}),
        ("pageSize=10&page=0&sortProperty=name&sortOrder=Desc", {"size": 10, "sort_by": "name", "descending": True}),
        ("pageSize=10&page=0&sortOrder=foo", {"size": 10}),
        ("pageSize=2147483647&page=2147483647", {"size": 10_000, "number": 2**31 - 1}),
    ],
)
async def test_what_is_asked(client: httpx.AsyncClient, query: str, page: dict[str, Any]) -> None:
    async with client:
        assert (await client.get(f"/list?{query}")).json() == page


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("page=0", "Required request parameter 'pageSize' is not present"),
        ("pageSize=10", "Required request parameter 'page' is not present"),
        ("pageSize=0&page=0", "Incorrect page link page size '0'. Page size must be greater than zero."),
        ("pageSize=-7&page=0", "Incorrect page link page size '-7'. Page size must be greater than zero."),
        ("pageSize=1&page=-1", "Incorrect page link page '-1'. Page must be positive integer."),
        ("pageSize=1&page=2147483648", "Incorrect page link page '2147483648'. There are not so many pages."),
        ("pageSize=1&page=0&sortProperty=a.b", "Invalid sort property"),
        ("pageSize=1&page=0&sortProperty=naïve", "Invalid sort property"),
        (
            "pageSize=1&page=0&sortProperty=Name",
            "Invalid sort property 'Name'; it is one of createdTime, name",
        ),
        (
            "pageSize=1&page=0&sortProperty=name&sortOrder=foo",
            "Unsupported sort order 'foo'! Only 'ASC' or 'DESC' types are allowed.",
        ),
    ],
)
async def test_what_is_refused(client: httpx.AsyncClient, query: str, message: str) -> None:
    async with client:
        response = await client.get(f"/list?{query}")
    assert response.status_code == 400
    assert (response.json()["errorCode"], response.json()["message"]) == (31, message)


@pytest.mark.parametrize("query", ["pageSize=abc&page=0", "pageSize=&page=0", "pageSize=1&page=1.5"])
async def test_what_is_no_number(client: httpx.AsyncClient, query: str) -> None:
    async with client:
        response = await client.get(f"/list?{query}")
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"].startswith("Invalid value of request parameter 'page")
