"""Tenants over REST: what the core is asked, and on whose behalf."""

import httpx
import pytest
from doubles.recording_core import TENANT, RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.identity_pb2 import Contact, Tenant
from trunkline.v1.identity_service_pb2 import (
    CreateTenantRequest,
    CreateTenantResponse,
    DeleteTenantRequest,
    DeleteTenantResponse,
    GetTenantRequest,
    GetTenantResponse,
    ListTenantsRequest,
    ListTenantsResponse,
    UpdateTenantRequest,
    UpdateTenantResponse,
)
from trunkline.v1.page_pb2 import PageRequest

STORED = Tenant(id=TENANT, title="T1", region="Global", version=1)


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    core.answers |= {
        CreateTenantRequest: CreateTenantResponse(tenant=STORED),
        UpdateTenantRequest: UpdateTenantResponse(tenant=STORED),
        GetTenantRequest: GetTenantResponse(tenant=STORED),
        DeleteTenantRequest: DeleteTenantResponse(),
        ListTenantsRequest: ListTenantsResponse(tenants=[STORED, STORED], total=2),
    }


@pytest.fixture
def bearer(core: RecordingCore) -> dict[str, str]:
    """Headers of a system administrator."""
    token = core.signer.sign(scopes=["SYS_ADMIN"], tenantId="13814000-1dd2-11b2-8080-808080808080")
    return {"X-Authorization": f"Bearer {token}"}


async def test_a_new_tenant(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.post("/api/tenant", content=b'{"title":"T1"}', headers=bearer)
    assert (response.status_code, response.json()["id"]) == (200, {"entityType": "TENANT", "id": TENANT})
    assert core.asked == [CreateTenantRequest(tenant=Tenant(title="T1", contact=Contact()))]
    assert core.tokens == [bearer["X-Authorization"]]


async def test_a_changed_tenant(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    body = b'{"id":{"entityType":"TENANT","id":"%s"},"title":"T2","version":1}' % TENANT.encode()
    assert (await client.post("/api/tenant", content=body, headers=bearer)).status_code == 200
    (asked,) = core.asked
    assert (asked.tenant.id, asked.tenant.title, asked.version) == (TENANT, "T2", 1)
    assert isinstance(asked, UpdateTenantRequest)


async def test_one_tenant(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.get(f"/api/tenant/{TENANT}", headers=bearer)
    assert (response.json()["title"], response.json()["region"]) == ("T1", "Global")
    assert core.asked == [GetTenantRequest(id=TENANT)]


async def test_deletion(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.delete(f"/api/tenant/{TENANT}", headers=bearer)
    assert (response.status_code, response.content) == (200, b"")
    assert core.asked == [DeleteTenantRequest(id=TENANT)]


async def test_a_list(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.get("/api/tenants?pageSize=2&page=0", headers=bearer)
    shown = response.json()
    assert [tenant["title"] for tenant in shown.pop("data")] == ["T1", "T1"]
    assert shown == {"totalPages": 1, "totalElements": 2, "hasNext": False}
    assert core.asked == [ListTenantsRequest(page=PageRequest(size=2))]


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "/api/tenant", b"[]", "Invalid request body: "),
        ("POST", "/api/tenant", b'{"region":{}}', "Invalid request body: region: "),
        ("GET", "/api/tenant/abc", b"", "Invalid UUID string: abc"),
        ("DELETE", "/api/tenant/abc", b"", "Invalid UUID string: abc"),
        ("GET", "/api/tenants", b"", "Required request parameter 'pageSize'"),
        ("GET", "/api/tenants?pageSize=1&page=0&sortProperty=title&sortOrder=UP", b"", "Unsupported sort order 'UP'"),
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
    reason = ErrorReason.ERROR_REASON_PERMISSION_DENIED
    core.answers[ListTenantsRequest] = TrunklineError(reason, "not for you")
    response = await client.get("/api/tenants?pageSize=1&page=0", headers=bearer)
    assert (response.status_code, response.json()["message"]) == (403, "not for you")
