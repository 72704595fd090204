from collections.abc import AsyncIterator

import pytest
from system.runners import Served

from trunkline.cli import named
from trunkline.cli.answers import RestError
from trunkline.cli.errors import CommandError
from trunkline.cli.login import Login
from trunkline.cli.output import id_of
from trunkline.cli.rest import Rest


@pytest.fixture
async def rest(demo: Served) -> AsyncIterator[Rest]:
    async with Rest(demo.rest, Login()) as rest:
        yield rest


@pytest.fixture
async def sysadmin(demo: Served) -> AsyncIterator[Rest]:
    async with Rest(demo.rest, Login(user="sysadmin@thingsboard.org", password="sysadmin")) as rest:
        yield rest


async def test_by_name_and_by_id_it_is_the_same(rest: Rest) -> None:
    for find, name in (
        (named.device, "Test Device A1"),
        (named.customer, "Customer A"),
        (named.user, "tenant@thingsboard.org"),
    ):
        found = await find(rest, name)
        assert await find(rest, id_of(found)) == found


async def test_nobody_of_that_name(rest: Rest, sysadmin: Rest) -> None:
    for asked, find, name in (
        (rest, named.device, "Test Device"),
        (rest, named.customer, "Customer"),
        (rest, named.user, "tenant"),
        (sysadmin, named.user, "tenant"),
        (sysadmin, named.tenant, "T"),
    ):
        with pytest.raises(RestError, match=rf"There is no \w+ (named )?\"?{name}\"?\.") as error:
            await find(asked, name)
        assert error.value.status == 404


async def test_titles_of_tenants_may_name_several(sysadmin: Rest) -> None:
    first, second = [await sysadmin.post("/api/tenant", {"title": "Twice"}) for _ in range(2)]
    with pytest.raises(CommandError, match="There are 2 of tenant") as error:
        await named.tenant(sysadmin, "Twice")
    assert {id_of(first), id_of(second)} == set(str(error.value).split("id, ")[1].rstrip(".").split(", "))
    assert await named.tenant(sysadmin, id_of(first)) == first


async def test_who_is_seen_by_whom(rest: Rest, sysadmin: Rest) -> None:
    emails = {user["email"] async for user in named.users(rest)}
    assert {"tenant@thingsboard.org", "customer@thingsboard.org"} <= emails
    assert "tenant2@thingsboard.org" not in emails
    admins = {user["email"] async for user in named.users(sysadmin)}
    assert {"tenant@thingsboard.org", "tenant2@thingsboard.org"} <= admins
    assert "customer@thingsboard.org" not in admins
    found = [user["email"] async for user in named.users(rest, search="CUSTOMER@thing")]
    assert found == ["customer@thingsboard.org"]


def test_what_counts_as_an_id() -> None:
    assert named.as_id("784F394C-42b6-435a-983c-b7beff2784f9") == "784f394c-42b6-435a-983c-b7beff2784f9"
    assert named.as_id("Pump 7") is None
