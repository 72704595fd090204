from collections.abc import AsyncIterator

import pytest
from system.runners import Served

from trunkline.cli import columns, named
from trunkline.cli.login import Login
from trunkline.cli.output import Columns
from trunkline.cli.rest import Entity, Rest


@pytest.fixture
async def rest(demo: Served) -> AsyncIterator[Rest]:
    async with Rest(demo.rest, Login()) as rest:
        yield rest


def row(shown: Columns, entity: Entity) -> dict[str, object]:
    return {title: value(entity) for title, value in shown.items()}


async def test_every_column_is_in_what_the_server_says(rest: Rest) -> None:
    device = await named.device(rest, "Test Device A1")
    customer = await named.customer(rest, "Customer A")
    user = await named.user(rest, "customer@thingsboard.org")
    assert row(columns.DEVICES, device)["CUSTOMER"] == row(columns.DEVICE, device)["Customer"] == "Customer A"
    assert row(columns.CUSTOMERS, customer)["TITLE"] == row(columns.CUSTOMER, customer)["Title"] == "Customer A"
    shown = row(columns.USER, user) | row(columns.USERS, user)
    assert (shown["E-mail"], shown["Role"]) == ("customer@thingsboard.org", "customer's user")
    assert shown["Customer"] == customer["id"]["id"]
    assert (shown["Activated"], shown["Enabled"]) == (True, True)


async def test_columns_of_a_tenant(demo: Served) -> None:
    async with Rest(demo.rest, Login(user="sysadmin@thingsboard.org", password="sysadmin")) as rest:
        async for tenant in rest.pages("/api/tenants", limit=1):
            assert row(columns.CUSTOMERS, tenant)["TITLE"] == row(columns.CUSTOMER, tenant)["Title"] == tenant["title"]


@pytest.mark.parametrize(
    ("information", "gateway"), [(None, None), ("text", None), ({}, None), ({"gateway": True}, True)]
)
def test_additional_information_may_be_anything(information: object, gateway: object) -> None:
    assert columns.DEVICE["Gateway"]({"additionalInfo": information}) is gateway


def test_a_role_that_nobody_knows_is_shown_as_it_is() -> None:
    assert columns.role("REFRESH_TOKEN") == "REFRESH_TOKEN"
