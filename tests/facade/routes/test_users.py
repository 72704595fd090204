"""Users over REST: what the core is asked, and on whose behalf."""

import httpx
import pytest
from doubles.recording_core import TENANT, USER, RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_pb2 import TokenPair, User
from trunkline.v1.identity_service_pb2 import (
    CreateUserRequest,
    CreateUserResponse,
    DeleteUserRequest,
    DeleteUserResponse,
    GetUserRequest,
    GetUserResponse,
    GetUserTokensRequest,
    GetUserTokensResponse,
    ListUsersRequest,
    ListUsersResponse,
    SetUserEnabledRequest,
    SetUserEnabledResponse,
    UpdateUserRequest,
    UpdateUserResponse,
)
from trunkline.v1.page_pb2 import PageRequest
from trunkline.v1.rpc_service_pb2 import Role

CUSTOMER = "2a246bf2-7f96-418e-a96b-785d7893650b"
NEW = b'{"email":"a@b.c","authority":"CUSTOMER_USER","customerId":{"entityType":"CUSTOMER","id":"%s"}}'
STORED = User(id=USER, email="a@b.c", role=Role.ROLE_CUSTOMER_USER, enabled=True)


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    core.answers |= {
        CreateUserRequest: CreateUserResponse(user=STORED),
        UpdateUserRequest: UpdateUserResponse(user=STORED),
        GetUserRequest: GetUserResponse(user=STORED),
        DeleteUserRequest: DeleteUserResponse(),
        SetUserEnabledRequest: SetUserEnabledResponse(),
        GetUserTokensRequest: GetUserTokensResponse(tokens=TokenPair(access_token="a", refresh_token="r")),
        ListUsersRequest: ListUsersResponse(users=[STORED, STORED], total=3),
    }


async def test_a_new_user(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    url = "/api/user?sendActivationMail=false"
    response = await client.post(url, content=NEW % CUSTOMER.encode(), headers=bearer)
    assert (response.status_code, response.json()["id"]) == (200, {"entityType": "USER", "id": USER})
    assert response.json()["additionalInfo"] is None
    asked = User(email="a@b.c", role=Role.ROLE_CUSTOMER_USER, customer_id=CUSTOMER)
    assert core.asked == [CreateUserRequest(user=asked)]
    assert core.tokens == [bearer["X-Authorization"]]


@pytest.mark.parametrize("query", ["", "?sendActivationMail=true"])
async def test_no_mail_is_sent(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], query: str
) -> None:
    response = await client.post(f"/api/user{query}", content=NEW % CUSTOMER.encode(), headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"].startswith("Couldn't send user activation email")
    assert "sendActivationMail=false" in response.json()["message"]
    assert core.asked == []


async def test_a_changed_user(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    body = b'{"id":{"entityType":"USER","id":"%s"},"email":"a@b.c","firstName":"A","version":2}' % USER.encode()
    assert (await client.post("/api/user", content=body, headers=bearer)).status_code == 200
    assert core.asked == [UpdateUserRequest(user=User(id=USER, email="a@b.c", first_name="A"), version=2)]


async def test_one_user(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.get(f"/api/user/{USER.upper()}", headers=bearer)
    assert core.asked == [GetUserRequest(id=USER)]
    assert response.json()["additionalInfo"] == {
        "userCredentialsEnabled": True,
        "userActivated": False,
        "lastLoginTs": None,
    }


async def test_deletion(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.delete(f"/api/user/{USER}", headers=bearer)
    assert (response.status_code, response.content) == (200, b"")
    assert core.asked == [DeleteUserRequest(id=USER)]


async def test_a_users_tokens(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.get(f"/api/user/{USER}/token", headers=bearer)
    assert (response.status_code, response.json()) == (200, {"token": "a", "refreshToken": "r"})
    assert core.asked == [GetUserTokensRequest(id=USER)]


@pytest.mark.parametrize(
    ("query", "enabled"), [("", True), ("?userCredentialsEnabled=true", True), ("?userCredentialsEnabled=false", False)]
)
async def test_who_may_log_in(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], query: str, enabled: bool
) -> None:
    response = await client.post(f"/api/user/{USER}/userCredentialsEnabled{query}", headers=bearer)
    assert (response.status_code, response.content) == (200, b"")
    assert core.asked == [SetUserEnabledRequest(id=USER, enabled=enabled)]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/api/users", ListUsersRequest()),
        (f"/api/customer/{CUSTOMER}/users", ListUsersRequest(customer_id=CUSTOMER)),
        (f"/api/tenant/{TENANT}/users", ListUsersRequest(tenant_id=TENANT)),
    ],
)
async def test_lists(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str, asked: ListUsersRequest
) -> None:
    response = await client.get(f"{path}?pageSize=2&page=0&textSearch=a&sortProperty=firstName", headers=bearer)
    shown = response.json()
    assert [user["email"] for user in shown.pop("data")] == ["a@b.c", "a@b.c"]
    assert shown == {"totalPages": 2, "totalElements": 3, "hasNext": True}
    asked.page.CopyFrom(PageRequest(size=2, text_search="a", sort_by="first_name"))
    assert core.asked == [asked]


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "/api/user?sendActivationMail=false", b"", "Invalid request body: "),
        ("POST", "/api/user?sendActivationMail=false", b'{"authority":"ROOT"}', "Invalid request body: authority: "),
        ("POST", "/api/user?sendActivationMail=perhaps", b"{}", ""),
        ("GET", "/api/user/abc", b"", "Invalid UUID string: abc"),
        ("DELETE", "/api/user/abc", b"", "Invalid UUID string: abc"),
        ("GET", "/api/user/abc/token", b"", "Invalid UUID string: abc"),
        ("POST", "/api/user/abc/userCredentialsEnabled", b"", "Invalid UUID string: abc"),
        ("POST", f"/api/user/{USER}/userCredentialsEnabled?userCredentialsEnabled=5", b"", ""),
        ("GET", "/api/users?pageSize=0&page=0", b"", "Incorrect page link page size '0'"),
        ("GET", "/api/users?page=0", b"", "Required request parameter 'pageSize'"),
        ("GET", "/api/users?pageSize=1&page=0&sortProperty=password", b"", "Invalid sort property 'password'"),
        ("GET", "/api/customer/abc/users?pageSize=1&page=0", b"", "Invalid UUID string: abc"),
        ("GET", "/api/tenant/abc/users?pageSize=1&page=0", b"", "Invalid UUID string: abc"),
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


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        ("NOT_FOUND", 404, 32),
        ("PERMISSION_DENIED", 403, 20),
        ("ALREADY_EXISTS", 400, 31),
        ("VERSION_CONFLICT", 409, 35),
    ],
)
async def test_what_the_core_refuses(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], reason: str, status: int, code: int
) -> None:
    core.answers[GetUserRequest] = TrunklineError(ErrorReason.Value(f"ERROR_REASON_{reason}"), "in its words")
    response = await client.get(f"/api/user/{USER}", headers=bearer)
    assert response.status_code == status
    assert (response.json()["errorCode"], response.json()["message"]) == (code, "in its words")
