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
        "/api/auth/login",
        "/api/auth/token",
        "/api/auth/user",
        "/api/device",
        "/api/device/{deviceId}",
        "/api/device/{deviceId}/credentials",
        "/api/tenant/device",
        "/livez",
        "/readyz",
        "/.well-known/jwks.json",
    } == page["paths"].keys()
    for name in re.findall(r'"#/components/schemas/(\w+)"', response.text):
        assert name in page["components"]["schemas"]


async def test_it_says_what_the_routes_do(client: httpx.AsyncClient) -> None:
    page = (await client.get("/openapi.json")).json()
    v1 = page["paths"]["/api/plugins/rpc/twoway/{deviceId}"]["post"]["responses"]
    v2 = page["paths"]["/api/rpc/twoway/{deviceId}"]["post"]["responses"]
    assert {"408", "409"} == v1.keys() - v2.keys()
    assert {"504"} == v2.keys() - v1.keys()
    assert all("422" not in operation["responses"] for path in page["paths"].values() for operation in path.values())
    body = page["paths"]["/api/auth/login"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"username", "password"}


async def test_asking_twice_gives_the_same(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).text == (await client.get("/openapi.json")).text


async def test_people_get_a_page(client: httpx.AsyncClient) -> None:
    assert "text/html" in (await client.get("/docs")).headers["content-type"]
