"""The OpenAPI page knows every path that is served, and only refers to what it holds."""

import re

import httpx


async def test_the_page_is_whole(client: httpx.AsyncClient) -> None:
    response = await client.get("/openapi.json")
    page = response.json()
    assert {
        "/api/plugins/rpc/oneway/{deviceId}",
        "/api/plugins/rpc/twoway/{deviceId}",
        "/api/rpc/oneway/{deviceId}",
        "/api/rpc/twoway/{deviceId}",
        "/api/rpc/persistent/{rpcId}",
        "/api/rpc/persistent/{rpcId}/cancel",
        "/api/rpc/persistent/device/{deviceId}",
        "/api/rpc/{rpcId}/explain",
        "/api/rpc/events",
        "/api/auth/changePassword",
        "/api/auth/login",
        "/api/auth/login/public",
        "/api/auth/logout",
        "/api/auth/token",
        "/api/auth/user",
        "/api/noauth/activate",
        "/api/user",
        "/api/user/{userId}",
        "/api/user/{userId}/activationLink",
        "/api/user/{userId}/activationLinkInfo",
        "/api/user/{userId}/token",
        "/api/user/{userId}/userCredentialsEnabled",
        "/api/users",
        "/api/customer/{customerId}/users",
        "/api/tenant/{tenantId}/users",
        "/api/customer",
        "/api/customer/{customerId}",
        "/api/customers",
        "/api/tenant/customers",
        "/api/tenant",
        "/api/tenant/{tenantId}",
        "/api/tenants",
        "/api/device",
        "/api/device-with-credentials",
        "/api/device/credentials",
        "/api/device/info/{deviceId}",
        "/api/device/types",
        "/api/device/{deviceId}",
        "/api/device/{deviceId}/credentials",
        "/api/devices",
        "/api/tenant/device",
        "/api/tenant/deviceInfos",
        "/api/tenant/devices",
        "/api/customer/device/{deviceId}",
        "/api/customer/public/device/{deviceId}",
        "/api/customer/{customerId}/device/{deviceId}",
        "/api/customer/{customerId}/deviceInfos",
        "/api/customer/{customerId}/devices",
        "/api/deviceProfile",
        "/api/deviceProfile/names",
        "/api/deviceProfile/{deviceProfileId}",
        "/api/deviceProfile/{deviceProfileId}/default",
        "/api/deviceProfileInfo/default",
        "/api/deviceProfileInfo/{deviceProfileId}",
        "/api/deviceProfileInfos",
        "/api/deviceProfileInfos/list",
        "/api/deviceProfiles",
        "/livez",
        "/readyz",
        "/.well-known/jwks.json",
    } == page["paths"].keys()
    for name in re.findall(r'"#/components/schemas/([^"]+)"', response.text):
        assert name in page["components"]["schemas"]


async def test_it_says_what_the_routes_do(client: httpx.AsyncClient) -> None:
    page = (await client.get("/openapi.json")).json()
    v1 = page["paths"]["/api/plugins/rpc/twoway/{deviceId}"]["post"]["responses"]
    v2 = page["paths"]["/api/rpc/twoway/{deviceId}"]["post"]["responses"]
    assert {"408"} == v1.keys() - v2.keys()
    assert "content" not in v1["409"]
    assert {"504"} == v2.keys() - v1.keys()
    assert all("422" not in operation["responses"] for path in page["paths"].values() for operation in path.values())
    body = page["paths"]["/api/auth/login"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"username", "password"}


async def test_asking_twice_gives_the_same(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).text == (await client.get("/openapi.json")).text


async def test_people_get_a_page(client: httpx.AsyncClient) -> None:
    assert "text/html" in (await client.get("/docs")).headers["content-type"]
