"""Ids in paths: one form for the core, ThingsBoard's text for what is none."""

import httpx
import pytest
from fastapi import FastAPI

from trunkline.contract.errors import TrunklineError
from trunkline.facade.errors import on_trunkline_error
from trunkline.facade.path_ids import CustomerId, DeviceId, DeviceProfileId, RpcId, TenantId, UserId

PATHS = ["devices", "profiles", "customers", "users", "tenants", "rpcs"]


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI(exception_handlers={TrunklineError: on_trunkline_error})
    app.get("/devices/{deviceId}")(_device)
    app.get("/profiles/{deviceProfileId}")(_profile)
    app.get("/customers/{customerId}")(_customer)
    app.get("/users/{userId}")(_user)
    app.get("/tenants/{tenantId}")(_tenant)
    app.get("/rpcs/{rpcId}")(_rpc)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trunkline")


async def _rpc(rpc_id: RpcId) -> str:
    return rpc_id


async def _device(device_id: DeviceId) -> str:
    return device_id


async def _profile(profile_id: DeviceProfileId) -> str:
    return profile_id


async def _customer(customer_id: CustomerId) -> str:
    return customer_id


async def _user(user_id: UserId) -> str:
    return user_id


async def _tenant(tenant_id: TenantId) -> str:
    return tenant_id


@pytest.mark.parametrize("path", PATHS)
async def test_any_form_of_uuid(client: httpx.AsyncClient, path: str) -> None:
    async with client:
        for text in ("0000000A-2-3-4-5", "0000000a-0002-0003-0004-000000000005"):
            assert (await client.get(f"/{path}/{text}")).json() == "0000000a-0002-0003-0004-000000000005"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("text", ["abc", "null", "784f394c-42b6-435a-983c-b7beff2784fg", "1-2-3-4"])
async def test_no_uuid(client: httpx.AsyncClient, path: str, text: str) -> None:
    async with client:
        response = await client.get(f"/{path}/{text}")
    assert response.status_code == 400
    assert (response.json()["errorCode"], response.json()["message"]) == (31, f"Invalid UUID string: {text}")
