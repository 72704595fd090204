"""A server with the demo's people, each of whom is logged in."""

from collections.abc import Iterator

import httpx
import pytest
from system.people.answers import Callers, Json, made, unique, user_of
from system.rest_caller import rest_caller
from system.runners import Served, serve


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One layout is enough for who may do what."""
    with serve("one", tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="session")
def url(served: Served) -> str:
    return served.rest


@pytest.fixture(scope="session")
def callers(url: str) -> Iterator[Callers]:
    """By role: the demo's people, and `nobody`, who shows no token."""
    with (
        rest_caller(url, "sysadmin@thingsboard.org", "sysadmin") as sys_admin,
        rest_caller(url, "tenant@thingsboard.org", "tenant") as admin,
        rest_caller(url, "tenant2@thingsboard.org", "tenant2") as other_admin,
        rest_caller(url, "customer@thingsboard.org", "customer") as customer_user,
        httpx.Client(base_url=url, trust_env=False) as nobody,
    ):
        yield {
            "sys_admin": sys_admin.http,
            "admin": admin.http,
            "other_admin": other_admin.http,
            "customer_user": customer_user.http,
            "nobody": nobody,
        }


@pytest.fixture(scope="session")
def admin(callers: Callers) -> httpx.Client:
    return callers["admin"]


@pytest.fixture(scope="session")
def nobody(callers: Callers) -> httpx.Client:
    return callers["nobody"]


@pytest.fixture
def customer(admin: httpx.Client) -> Json:
    """A customer of the first tenant."""
    return made(admin.post("/api/customer", json={"title": unique()}))


@pytest.fixture
def user(admin: httpx.Client, customer: Json) -> Json:
    """A user of that customer, not activated."""
    return made(admin.post("/api/user?sendActivationMail=false", json=user_of(customer)))


@pytest.fixture(scope="session")
def ids(callers: Callers) -> Json:
    """Ids of everybody in the demo, and of a user of the customer's."""
    mine = {name: made(callers[name].get("/api/auth/user")) for name in callers if name != "nobody"}
    return {
        "tenant": mine["admin"]["tenantId"]["id"],
        "other_tenant": mine["other_admin"]["tenantId"]["id"],
        "customer": mine["customer_user"]["customerId"]["id"],
        "other_customer": made(callers["admin"].post("/api/customer", json={"title": unique()}))["id"]["id"],
        **{name: user["id"]["id"] for name, user in mine.items()},
    }
