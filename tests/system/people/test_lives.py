"""Users, customers and tenants from creation to deletion, and what becomes of their tokens on the way."""

from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from system.people.answers import (
    NONE,
    UNKNOWN,
    Callers,
    Json,
    activated,
    by,
    made,
    told,
    unique,
    user_of,
)

CALL = {"method": "m", "failFast": True}


def test_from_creation_to_the_first_login(admin: httpx.Client, nobody: httpx.Client, user: Json, url: str) -> None:
    path = f"/api/user/{user['id']['id']}"
    credentials = {"username": user["email"], "password": "secret1"}
    assert user["additionalInfo"] is None
    state = made(admin.get(path))["additionalInfo"]
    assert state == {"userCredentialsEnabled": False, "userActivated": False, "lastLoginTs": None}
    assert told(nobody.post("/api/auth/login", json=credentials)) == (401, 10, "User account is not active")

    link = admin.get(f"{path}/activationLink")
    assert link.text.startswith(f"{url}/api/noauth/activate?activateToken=")
    info = made(admin.get(f"{path}/activationLinkInfo"))
    assert info["value"] == link.text
    assert 86_000_000 < info["ttlMs"] <= 86_400_000

    tokens = activated(admin, nobody, user)
    assert made(nobody.get("/api/auth/user", headers=by(tokens)))["email"] == user["email"]
    assert told(admin.get(f"{path}/activationLink")) == (400, 31, "User is already activated!")
    assert made(admin.get(path))["additionalInfo"]["lastLoginTs"] is None

    made(nobody.post("/api/auth/login", json=credentials))
    state = made(admin.get(path))["additionalInfo"]
    assert (state["userCredentialsEnabled"], state["userActivated"]) == (True, True)
    assert state["lastLoginTs"] >= user["createdTime"]


def test_an_activation_token_is_good_once(admin: httpx.Client, nobody: httpx.Client, user: Json) -> None:
    link = admin.get(f"/api/user/{user['id']['id']}/activationLink").text
    token = parse_qs(urlsplit(link).query)["activateToken"][0]
    too_short = (400, 31, "Password must be 6 or more characters in length.")
    for password in ("12345", "", None):
        body = {"activateToken": token, "password": password}
        assert told(nobody.post("/api/noauth/activate", json=body)) == too_short
    assert told(nobody.post("/api/noauth/activate", json={"activateToken": token})) == too_short
    made(nobody.post("/api/noauth/activate", json={"activateToken": token, "password": "secret1"}))
    for used in (token, "x"):
        body = {"activateToken": used, "password": "secret2"}
        message = f"Unable to find user credentials by activateToken [{used}]"
        assert told(nobody.post("/api/noauth/activate", json=body)) == (400, 31, message)


def test_a_login_ends_alone(admin: httpx.Client, nobody: httpx.Client, user: Json, ids: Json) -> None:
    first = activated(admin, nobody, user)
    second = made(nobody.post("/api/auth/login", json={"username": user["email"], "password": "secret1"}))
    assert nobody.get("/api/auth/user", headers=by(first)).status_code == 200  # from now on remembered
    answer = nobody.post("/api/auth/logout", headers=by(first))
    assert (answer.status_code, answer.content) == (200, b"")
    expired = (401, 11, "Token has expired")
    assert told(nobody.get("/api/auth/user", headers=by(first))) == expired
    assert told(nobody.post(f"/api/rpc/oneway/{UNKNOWN}", json=CALL, headers=by(first))) == expired
    assert told(nobody.post("/api/auth/logout", headers=by(first))) == expired
    refresh = {"refreshToken": first["refreshToken"]}
    assert told(nobody.post("/api/auth/token", json=refresh)) == (401, 10, "Token is outdated")
    assert nobody.get("/api/auth/user", headers=by(second)).status_code == 200
    made(nobody.post("/api/auth/token", json={"refreshToken": second["refreshToken"]}))


def test_another_password(admin: httpx.Client, nobody: httpx.Client, user: Json) -> None:
    old = activated(admin, nobody, user)

    def change(current: str | None, new: str | None) -> httpx.Response:
        body = {"currentPassword": current, "newPassword": new}
        return nobody.post("/api/auth/changePassword", json=body, headers=by(old))

    assert told(change("wrong", "secret2")) == (400, 31, "Current password doesn't match!")
    assert told(change(None, "secret2")) == (400, 31, "Current password doesn't match!")
    assert told(change("secret1", "secret1")) == (400, 31, "New password should be different from existing!")
    for too_short in ("12345", None):
        assert told(change("secret1", too_short)) == (400, 31, "Password must be 6 or more characters in length.")
    new = made(change("secret1", "secret2"))
    assert told(nobody.get("/api/auth/user", headers=by(old))) == (401, 11, "Token has expired")
    assert nobody.get("/api/auth/user", headers=by(new)).status_code == 200
    credentials = {"username": user["email"], "password": "secret1"}
    assert told(nobody.post("/api/auth/login", json=credentials)) == (401, 10, "Invalid username or password")
    made(nobody.post("/api/auth/login", json=credentials | {"password": "secret2"}))


def test_who_is_not_enabled(admin: httpx.Client, nobody: httpx.Client, user: Json) -> None:
    path = f"/api/user/{user['id']['id']}"
    tokens = activated(admin, nobody, user)
    answer = admin.post(f"{path}/userCredentialsEnabled?userCredentialsEnabled=false")
    assert (answer.status_code, answer.content) == (200, b"")
    assert told(nobody.get("/api/auth/user", headers=by(tokens))) == (401, 11, "Token has expired")
    refresh = {"refreshToken": tokens["refreshToken"]}
    inactive = (401, 10, "User account is not active")
    assert told(nobody.post("/api/auth/token", json=refresh)) == inactive
    for password in ("secret1", "wrong"):
        assert told(nobody.post("/api/auth/login", json={"username": user["email"], "password": password})) == inactive
    assert made(admin.get(path))["additionalInfo"]["userCredentialsEnabled"] is False
    assert admin.post(f"{path}/userCredentialsEnabled").status_code == 200
    made(nobody.post("/api/auth/login", json={"username": user["email"], "password": "secret1"}))
    assert told(nobody.get("/api/auth/user", headers=by(tokens)))[0] == 401  # enabling revives no token


def test_an_administrator_acts_as_a_user(admin: httpx.Client, nobody: httpx.Client, user: Json) -> None:
    activated(admin, nobody, user)
    tokens = made(admin.get(f"/api/user/{user['id']['id']}/token"))
    assert made(nobody.get("/api/auth/user", headers=by(tokens)))["id"] == user["id"]


def test_a_user_changes(admin: httpx.Client, nobody: httpx.Client, user: Json) -> None:
    read = made(admin.get(f"/api/user/{user['id']['id']}"))
    changed = made(admin.post("/api/user", json=read | {"firstName": "A", "phone": "+47"}))
    assert changed == user | {"firstName": "A", "phone": "+47", "version": 2}  # the state that was read is not kept
    conflict = (409, 35, "User was already changed by someone else")
    assert told(admin.post("/api/user", json=read)) == conflict
    assert told(admin.post("/api/user", json=read | {"version": 0})) == conflict
    own = by(activated(admin, nobody, user))
    itself = made(nobody.post("/api/user", json=changed | {"lastName": "B", "version": None}, headers=own))
    assert (itself["lastName"], itself["version"]) == ("B", 3)


def test_a_customer_changes_and_ends_with_its_users(admin: httpx.Client, nobody: httpx.Client, customer: Json) -> None:
    changed = made(admin.post("/api/customer", json=customer | {"city": "Oslo", "email": "a@b.co"}))
    assert changed == customer | {"city": "Oslo", "email": "a@b.co", "version": 2}
    conflict = (409, 35, "Customer was already changed by someone else")
    assert told(admin.post("/api/customer", json=customer)) == conflict
    assert made(admin.get("/api/tenant/customers", params={"customerTitle": customer["title"]})) == changed

    user = made(admin.post("/api/user?sendActivationMail=false", json=user_of(customer)))
    tokens = activated(admin, nobody, user)
    name = unique()
    device = made(admin.post("/api/device", json={"name": name, "customerId": customer["id"]}))
    path = f"/api/customer/{customer['id']['id']}"
    page = made(admin.get(f"{path}/users?pageSize=5&page=0"))
    assert (page["totalElements"], page["data"]) == (1, [user])

    answer = admin.delete(path)
    assert (answer.status_code, answer.content) == (200, b"")
    gone = (404, 32, f"Customer with id [{customer['id']['id']}] is not found")
    assert told(admin.get(path)) == told(admin.delete(path)) == gone
    assert told(admin.get(f"/api/user/{user['id']['id']}"))[0] == 404
    assert told(nobody.get("/api/auth/user", headers=by(tokens)))[0] == 401
    assert made(admin.get(f"/api/device/{device['id']['id']}"))["customerId"]["id"] == NONE


def test_a_tenants_life(callers: Callers, nobody: httpx.Client) -> None:
    sys_admin = callers["sys_admin"]
    tenant = made(sys_admin.post("/api/tenant", json={"title": unique()}))
    assert (tenant["region"], tenant["name"], tenant["version"]) == ("Global", tenant["title"], 1)
    made(sys_admin.post("/api/tenant", json={"title": tenant["title"]}))  # titles need not be unique
    changed = made(sys_admin.post("/api/tenant", json=tenant | {"country": "NO"}))
    assert changed == tenant | {"country": "NO", "version": 2}
    conflict = (409, 35, "Tenant was already changed by someone else")
    assert told(sys_admin.post("/api/tenant", json=tenant)) == conflict
    found = made(
        sys_admin.get("/api/tenants", params={"pageSize": 1, "page": 0, "textSearch": tenant["title"].upper()})
    )
    assert (found["totalElements"], found["totalPages"], found["hasNext"]) == (2, 2, True)

    new = {"email": f"{unique()}@example.org", "authority": "TENANT_ADMIN", "tenantId": tenant["id"]}
    user = made(sys_admin.post("/api/user?sendActivationMail=false", json=new))
    path = f"/api/tenant/{tenant['id']['id']}"
    assert made(sys_admin.get(f"{path}/users?pageSize=1&page=0"))["data"] == [user]
    own = by(activated(sys_admin, nobody, user))
    assert made(nobody.get(path, headers=own)) == changed
    device = made(nobody.post("/api/device", json={"name": unique()}, headers=own))
    assert device["type"] == "default"
    assert nobody.delete(path, headers=own).status_code == 200  # its own
    assert told(nobody.get("/api/auth/user", headers=own))[0] == 401
    assert told(sys_admin.get(path)) == (404, 32, f"Tenant with id [{tenant['id']['id']}] is not found")


def test_a_public_customers_devices_are_everybodys(admin: httpx.Client, nobody: httpx.Client) -> None:
    device = made(admin.post("/api/device", json={"name": unique()}))["id"]["id"]
    hidden = made(admin.post("/api/device", json={"name": unique()}))["id"]["id"]
    public_id = made(admin.post(f"/api/customer/public/device/{device}"))["customerId"]["id"]
    public = made(admin.get(f"/api/customer/{public_id}"))
    assert (public["title"], public["additionalInfo"]) == ("Public", {"isPublic": True})

    tokens = made(nobody.post("/api/auth/login/public", json={"publicId": public_id}))
    claims = jwt.decode(tokens["token"], options={"verify_signature": False})
    assert (claims["sub"], claims["isPublic"], claims["scopes"]) == (public_id, True, ["CUSTOMER_USER"])
    anybody = by(tokens)
    assert nobody.post(f"/api/rpc/oneway/{device}", json=CALL, headers=anybody).status_code == 504  # offline, allowed
    assert nobody.post(f"/api/rpc/oneway/{hidden}", json=CALL, headers=anybody).status_code == 403
    assert nobody.get(f"/api/device/{device}", headers=anybody).status_code == 200
    for answer in (
        nobody.get("/api/auth/user", headers=anybody),
        nobody.post(
            "/api/auth/changePassword", json={"currentPassword": "a", "newPassword": "secret1"}, headers=anybody
        ),
    ):
        assert told(answer)[:2] == (400, 31)
    made(nobody.post("/api/auth/token", json={"refreshToken": tokens["refreshToken"]}))

    other = by(made(nobody.post("/api/auth/login/public", json={"publicId": public_id})))
    assert nobody.post("/api/auth/logout", headers=anybody).status_code == 200
    expired = (401, 11, "Token has expired")
    assert told(nobody.post(f"/api/rpc/oneway/{device}", json=CALL, headers=anybody)) == expired
    assert nobody.post(f"/api/rpc/oneway/{device}", json=CALL, headers=other).status_code == 504

    assert admin.delete(f"/api/customer/{public_id}").status_code == 200
    assert told(nobody.post(f"/api/rpc/oneway/{device}", json=CALL, headers=other)) == expired
    wrong = (401, 10, "Invalid username or password")
    assert told(nobody.post("/api/auth/token", json={"refreshToken": tokens["refreshToken"]})) == wrong
    assert told(nobody.post("/api/auth/login/public", json={"publicId": public_id})) == wrong


def test_no_public_customer(nobody: httpx.Client, ids: Json) -> None:
    for public_id in ("abc", UNKNOWN, ids["customer"]):
        answer = nobody.post("/api/auth/login/public", json={"publicId": public_id})
        assert told(answer) == (401, 10, "Invalid username or password")


def test_nothing_is_created_without_a_mail(admin: httpx.Client, customer: Json) -> None:
    new = user_of(customer)
    for query in ("", "?sendActivationMail=true"):
        status, code, message = told(admin.post(f"/api/user{query}", json=new))
        assert (status, code) == (400, 31)
        assert "sendActivationMail=false" in message
    made(admin.post("/api/user?sendActivationMail=false", json=new))  # the address is still free


def test_what_is_taken(admin: httpx.Client, callers: Callers, customer: Json, user: Json) -> None:
    path = "/api/user?sendActivationMail=false"
    again = user_of(customer) | {"email": user["email"]}
    assert told(admin.post(path, json=again)) == (
        400,
        31,
        f"User with email '{user['email']}' already present in database!",
    )
    made(admin.post(path, json=again | {"email": user["email"].upper()}))  # the case of letters counts
    taken = (400, 31, "Customer with such title already exists!")
    assert told(admin.post("/api/customer", json={"title": customer["title"]})) == taken
    made(callers["other_admin"].post("/api/customer", json={"title": customer["title"]}))


def test_pages_in_order(admin: httpx.Client) -> None:
    word = unique()
    titles = [f"{word} {letter}" for letter in "bac"]
    for title in titles:
        made(admin.post("/api/customer", json={"title": title}))

    def page(number: int, **more: str) -> Json:
        asked = {"pageSize": "2", "page": str(number), "textSearch": word, **more}
        return made(admin.get("/api/customers", params=asked))

    def shown(page: Json) -> list[str]:
        return [customer["title"][-1] for customer in page["data"]]

    first = page(0, sortProperty="title")
    assert shown(first) == ["a", "b"]
    assert (first["totalPages"], first["totalElements"], first["hasNext"]) == (2, 3, True)
    last = page(1, sortProperty="title")
    assert (shown(last), last["hasNext"]) == (["c"], False)
    assert shown(page(0, sortProperty="title", sortOrder="DESC")) == ["c", "b"]
    assert shown(page(5, sortProperty="title")) == []
