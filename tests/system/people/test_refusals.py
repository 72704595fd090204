"""What is refused, with ThingsBoard's texts: each field wrong once, and who may not do what."""

import httpx
import pytest
from system.people.answers import NONE, UNKNOWN, Callers, Json, entity, made, told, unique, user_of

NOT_ALLOWED = "You don't have permission to perform this operation!"
LONG = "x" * 256

TOO_LONG = "Validation error: {} length must be equal or less than 255"
BAD_EMAIL = "Invalid email address format 'bad'!"
NOT_OF_TYPE = "Invalid request body: an id of type {} is needed, not {}"
NO_TEXT = "Invalid request body: {}: Input should be a valid string"
NO_ID = "Invalid request body: {}: Input should be an object"
NO_NUMBER = "Invalid request body: {}: Input should be a valid integer"

CONTACT_WRONG: list[tuple[Json, str]] = [
    *[
        ({name: []}, NO_TEXT.format(name))
        for name in ("country", "state", "city", "address", "address2", "zip", "phone")
    ],
    *[({name: LONG}, TOO_LONG.format(name)) for name in ("country", "state", "city", "address", "address2", "zip")],
    ({"phone": LONG}, TOO_LONG.format("phone")),
    ({"email": LONG}, TOO_LONG.format("email")),
    ({"email": {}}, NO_TEXT.format("email")),
    ({"email": "bad"}, BAD_EMAIL),
    ({"version": "x"}, NO_NUMBER.format("version")),
    ({"createdTime": []}, NO_NUMBER.format("createdTime")),
]
CUSTOMER_WRONG: list[tuple[Json, str]] = [
    *CONTACT_WRONG,
    ({"title": None}, "Customer title should be specified!"),
    ({"title": ""}, "Customer title should be specified!"),
    ({"title": "  "}, "Customer title should be specified!"),
    ({"title": LONG}, TOO_LONG.format("title")),
    ({"title": "a\x00b"}, "Customer title should not contain 0x00 symbol!"),
    ({"title": "Public"}, "'Public' title for customer is system reserved!"),
    ({"title": []}, NO_TEXT.format("title")),
    ({"id": UNKNOWN}, NO_ID.format("id")),
    ({"id": entity("TENANT", UNKNOWN)}, NOT_OF_TYPE.format("CUSTOMER", "TENANT")),
    ({"id": entity("CUSTOMER", "abc")}, "Invalid UUID string: abc"),
    ({"tenantId": 5}, NO_ID.format("tenantId")),
    ({"externalId": "x"}, NO_ID.format("externalId")),
]
TENANT_WRONG: list[tuple[Json, str]] = [
    *CONTACT_WRONG,
    ({"title": None}, "Tenant title should be specified!"),
    ({"title": " "}, "Tenant title should be specified!"),
    ({"title": LONG}, TOO_LONG.format("title")),
    ({"title": "a\x00b"}, "Tenant title should not contain 0x00 symbol!"),
    ({"title": {}}, NO_TEXT.format("title")),
    ({"region": LONG}, TOO_LONG.format("region")),
    ({"region": []}, NO_TEXT.format("region")),
    ({"id": entity("CUSTOMER", UNKNOWN)}, NOT_OF_TYPE.format("TENANT", "CUSTOMER")),
    ({"tenantProfileId": "x"}, NO_ID.format("tenantProfileId")),
]
USER_WRONG: list[tuple[Json, str]] = [
    ({"email": None}, "User email should be specified!"),
    ({"email": ""}, "User email should be specified!"),
    ({"email": "bad"}, BAD_EMAIL),
    ({"email": []}, NO_TEXT.format("email")),
    ({"email": LONG}, TOO_LONG.format("email")),
    ({"authority": None}, "User authority isn't defined!"),
    ({"authority": "ROOT"}, "Invalid request body: authority: Input should be 'SYS_ADMIN', 'TENANT_ADMIN' or"),
    ({"customerId": None}, "Customer user should be assigned to customer!"),
    ({"customerId": entity("CUSTOMER", NONE)}, "Customer user should be assigned to customer!"),
    ({"customerId": entity("CUSTOMER", UNKNOWN)}, "User is referencing to non-existent customer!"),
    ({"customerId": entity("DEVICE", UNKNOWN)}, NOT_OF_TYPE.format("CUSTOMER", "DEVICE")),
    ({"customerId": "x"}, NO_ID.format("customerId")),
    ({"authority": "TENANT_ADMIN"}, "Tenant administrator can't be assigned to customer!"),
    ({"tenantId": {}}, "Invalid request body: tenantId.entityType: Field required"),
    ({"firstName": LONG}, TOO_LONG.format("first name")),
    ({"firstName": []}, NO_TEXT.format("firstName")),
    ({"lastName": LONG}, TOO_LONG.format("last name")),
    ({"lastName": {}}, NO_TEXT.format("lastName")),
    ({"phone": LONG}, TOO_LONG.format("phone")),
    ({"phone": []}, NO_TEXT.format("phone")),
    ({"version": 1.5}, NO_NUMBER.format("version")),
    ({"createdTime": "x"}, NO_NUMBER.format("createdTime")),
    ({"id": entity("DEVICE", UNKNOWN)}, NOT_OF_TYPE.format("USER", "DEVICE")),
]


@pytest.mark.parametrize(("wrong", "message"), CUSTOMER_WRONG)
def test_each_field_of_a_customer_wrong_once(admin: httpx.Client, wrong: Json, message: str) -> None:
    status, code, text = told(admin.post("/api/customer", json={"title": unique()} | wrong))
    assert (status, code) == (400, 31)
    assert text.startswith(message)


@pytest.mark.parametrize(("wrong", "message"), TENANT_WRONG)
def test_each_field_of_a_tenant_wrong_once(callers: Callers, wrong: Json, message: str) -> None:
    status, code, text = told(callers["sys_admin"].post("/api/tenant", json={"title": unique()} | wrong))
    assert (status, code) == (400, 31)
    assert text.startswith(message)


@pytest.mark.parametrize(("wrong", "message"), USER_WRONG)
def test_each_field_of_a_user_wrong_once(admin: httpx.Client, ids: Json, wrong: Json, message: str) -> None:
    right = user_of({"id": entity("CUSTOMER", ids["customer"])})
    status, code, text = told(admin.post("/api/user?sendActivationMail=false", json=right | wrong))
    assert (status, code) == (400, 31)
    assert text.startswith(message)


def test_the_place_of_a_user_is_for_life(admin: httpx.Client, user: Json, ids: Json) -> None:
    for field, value, name in (
        ("authority", "TENANT_ADMIN", "authority"),
        ("tenantId", entity("TENANT", ids["other_tenant"]), "tenant id"),
        ("customerId", entity("CUSTOMER", ids["customer"]), "customer id"),
    ):
        assert told(admin.post("/api/user", json=user | {field: value})) == (400, 31, f"Can't update user {name}!")


def test_a_place_that_does_not_fit(callers: Callers, ids: Json) -> None:
    path = "/api/user?sendActivationMail=false"
    new = {"email": f"{unique()}@example.org", "authority": "TENANT_ADMIN"}
    no_tenant = (400, 31, "Tenant administrator should be assigned to tenant!")
    assert told(callers["sys_admin"].post(path, json=new)) == no_tenant
    foreign = user_of({"id": entity("CUSTOMER", ids["customer"])})
    assert told(callers["other_admin"].post(path, json=foreign)) == (
        400,
        31,
        "User can't be assigned to customer from different tenant!",
    )
    # an administrator adds to the own tenant, whatever the body says
    tenant_id = entity("TENANT", ids["other_tenant"])
    assert made(callers["admin"].post(path, json=new | {"tenantId": tenant_id}))["tenantId"]["id"] == ids["tenant"]


MATRIX: list[tuple[str, str, dict[str, int]]] = [
    # as: system administrator, tenant's administrator, another tenant's, customer's user
    ("GET", "/api/customer/{customer}", {"sys_admin": 403, "admin": 200, "other_admin": 404, "customer_user": 200}),
    ("GET", "/api/customer/{other_customer}", {"sys_admin": 403, "other_admin": 404, "customer_user": 404}),
    ("DELETE", "/api/customer/{customer}", {"sys_admin": 403, "other_admin": 404, "customer_user": 403}),
    ("GET", "/api/customers?pageSize=1&page=0", {"sys_admin": 403, "admin": 200, "customer_user": 403}),
    ("GET", "/api/tenant/customers?customerTitle=x", {"sys_admin": 403, "admin": 404, "customer_user": 403}),
    (
        "GET",
        "/api/customer/{customer}/users?pageSize=1&page=0",
        {"sys_admin": 403, "admin": 200, "other_admin": 404, "customer_user": 200},
    ),
    ("GET", "/api/tenant/{tenant}", {"sys_admin": 200, "admin": 200, "other_admin": 404, "customer_user": 403}),
    ("DELETE", "/api/tenant/{tenant}", {"other_admin": 404, "customer_user": 403}),
    ("GET", "/api/tenants?pageSize=1&page=0", {"sys_admin": 200, "admin": 403, "customer_user": 403}),
    ("GET", "/api/tenant/{tenant}/users?pageSize=1&page=0", {"sys_admin": 200, "admin": 403, "customer_user": 403}),
    ("GET", "/api/users?pageSize=1&page=0", {"sys_admin": 403, "admin": 200, "customer_user": 200}),
    ("GET", "/api/user/{admin}", {"sys_admin": 200, "admin": 200, "other_admin": 404, "customer_user": 404}),
    ("GET", "/api/user/{customer_user}", {"sys_admin": 404, "admin": 200, "other_admin": 404, "customer_user": 200}),
    ("GET", "/api/user/{sys_admin}", {"sys_admin": 200, "admin": 404, "customer_user": 404}),
    ("GET", "/api/user/{admin}/token", {"sys_admin": 200, "other_admin": 404, "customer_user": 403}),
    ("GET", "/api/user/{admin}/activationLink", {"sys_admin": 400, "other_admin": 404, "customer_user": 403}),
    ("POST", "/api/user/{admin}/userCredentialsEnabled", {"other_admin": 404, "customer_user": 403}),
    ("DELETE", "/api/user/{admin}", {"other_admin": 404, "customer_user": 403}),
]


@pytest.mark.parametrize(("method", "path", "statuses"), MATRIX)
def test_who_may_do_what(callers: Callers, ids: Json, method: str, path: str, statuses: dict[str, int]) -> None:
    answers = {name: callers[name].request(method, path.format(**ids)) for name in statuses}
    assert {name: answer.status_code for name, answer in answers.items()} == statuses
    for answer in answers.values():
        if answer.status_code == 403:
            assert told(answer) == (403, 20, NOT_ALLOWED)
    assert told(callers["nobody"].request(method, path.format(**ids))) == (401, 10, "Authentication failed")


@pytest.mark.parametrize(
    ("role", "path", "body"),
    [
        ("customer_user", "/api/customer", {"title": "x"}),
        ("sys_admin", "/api/customer", {"title": "x"}),
        ("admin", "/api/tenant", {"title": "x"}),
        ("customer_user", "/api/tenant", {"title": "x"}),
        ("customer_user", "/api/user?sendActivationMail=false", {"email": "x@y.zz", "authority": "CUSTOMER_USER"}),
        ("admin", "/api/user?sendActivationMail=false", {"email": "x@y.zz", "authority": "SYS_ADMIN"}),
    ],
)
def test_who_may_not_create(callers: Callers, role: str, path: str, body: Json) -> None:
    assert told(callers[role].post(path, json=body)) == (403, 20, NOT_ALLOWED)


@pytest.mark.parametrize("noun", ["user", "customer", "tenant"])
def test_what_nobody_has(callers: Callers, noun: str) -> None:
    caller = callers["sys_admin" if noun == "tenant" else "admin"]
    path = f"/api/{noun}/{UNKNOWN}"
    missing = (404, 32, f"{noun.capitalize()} with id [{UNKNOWN}] is not found")
    assert told(caller.get(path)) == told(caller.delete(path)) == missing
    body = {"id": entity(noun.upper(), UNKNOWN), "title": "x", "email": "x@y.zz"}
    assert told(caller.post(f"/api/{noun}", json=body)) == missing
    for method in ("GET", "DELETE"):
        assert told(caller.request(method, f"/api/{noun}/abc")) == (400, 31, "Invalid UUID string: abc")
