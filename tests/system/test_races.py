"""Two at once: one of them wins, the other is told why not, and nobody sees what was before."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, Final

import httpx
import pytest
from doubles.mqtt_device import MqttDevice
from system.rest_caller import rest_caller
from system.runners import Served

Json = dict[str, Any]

CROWD: Final = 50
CALL: Final = {"method": "m", "failFast": True}


@pytest.fixture
async def admin(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    with rest_caller(served.rest) as caller:
        headers = {"X-Authorization": caller.http.headers["X-Authorization"]}
    async with httpx.AsyncClient(base_url=served.rest, headers=headers, timeout=60, trust_env=False) as admin:
        yield admin


def unique() -> str:
    return f"r{uuid.uuid4().hex[:12]}"


async def made(answer: Awaitable[httpx.Response]) -> Json:
    got = await answer
    assert got.status_code == 200, got.text
    body: Json = got.json()
    return body


async def at_once(*requests: Awaitable[httpx.Response]) -> Sequence[httpx.Response]:
    """The answers, each of them an answer to good input."""
    answers = await asyncio.gather(*requests)
    for answer in answers:
        assert answer.status_code < 500 or answer.status_code == 504, answer.text
        assert answer.status_code in (200, 504) or answer.json()["message"]
    return answers


def statuses(answers: Sequence[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/device", {"name": "{same}"}),
        ("/api/device?accessToken={same}", {"name": "{other}"}),
        ("/api/customer", {"title": "{same}"}),
        ("/api/deviceProfile", {"name": "{same}", "type": "DEFAULT", "transportType": "DEFAULT"}),
        ("/api/user?sendActivationMail=false", {"email": "{same}@example.org", "authority": "TENANT_ADMIN"}),
    ],
)
async def test_the_same_thing_created_by_many(admin: httpx.AsyncClient, path: str, body: Json) -> None:
    same = unique()

    def create() -> Awaitable[httpx.Response]:
        mine = {name: value.format(same=same, other=unique()) for name, value in body.items()}
        return admin.post(path.format(same=same), json=mine)

    answers = await at_once(*(create() for _ in range(CROWD)))
    assert statuses(answers) == {200: 1, 400: CROWD - 1}
    assert {answer.json()["errorCode"] for answer in answers if answer.status_code == 400} == {31}


async def test_many_devices_of_a_new_type(admin: httpx.AsyncClient) -> None:
    new = unique()
    answers = await at_once(
        *(admin.post("/api/device", json={"name": f"{new} {n}", "type": new}) for n in range(CROWD))
    )
    assert statuses(answers) == {200: CROWD}
    assert len({answer.json()["deviceProfileId"]["id"] for answer in answers}) == 1


async def test_changes_of_the_same_version(admin: httpx.AsyncClient) -> None:
    device = await made(admin.post("/api/device", json={"name": unique()}))
    path = f"/api/device/{device['id']['id']}"
    credentials = await made(admin.get(f"{path}/credentials"))
    for where, read, field in (("device", device, "label"), ("device/credentials", credentials, "credentialsId")):
        changes = (admin.post(f"/api/{where}", json=read | {field: unique()}) for _ in range(20))
        answers = await at_once(*changes)
        assert statuses(answers) == {200: 1, 409: 19}
        (winner,) = (answer.json() for answer in answers if answer.status_code == 200)
        assert await made(admin.get(path if where == "device" else f"{path}/credentials")) == winner


async def test_a_device_changed_and_deleted(admin: httpx.AsyncClient) -> None:
    device = await made(admin.post("/api/device", json={"name": unique()}))
    device_id = device["id"]["id"]
    await admin.post(f"/api/rpc/oneway/{device_id}", json=CALL)  # from now on remembered
    deletions = [admin.delete(f"/api/device/{device_id}") for _ in range(3)]
    others = [
        request
        for n in range(5)
        for request in (
            admin.post("/api/device", json=device | {"label": str(n), "version": None}),
            admin.post(f"/api/customer/public/device/{device_id}"),
            admin.get(f"/api/device/{device_id}/credentials"),
            admin.post(f"/api/rpc/oneway/{device_id}", json=CALL),
        )
    ]
    answers = await at_once(*others[:10], *deletions, *others[10:])
    assert statuses(answers[10:13]) == {200: 1, 404: 2}
    assert statuses([*answers[:10], *answers[13:]]).keys() <= {200, 404, 504}
    assert (await admin.get(f"/api/device/{device_id}")).status_code == 404
    assert (await admin.post(f"/api/rpc/oneway/{device_id}", json=CALL)).status_code == 404


async def test_a_customer_deleted_while_it_gets_devices(admin: httpx.AsyncClient) -> None:
    customer = (await made(admin.post("/api/customer", json={"title": unique()})))["id"]
    customer_id = customer["id"]
    ids = [(await made(admin.post("/api/device", json={"name": unique()})))["id"]["id"] for _ in range(8)]
    assign = [admin.post(f"/api/customer/{customer_id}/device/{device_id}") for device_id in ids]
    user = {"email": f"{unique()}@example.org", "authority": "CUSTOMER_USER", "customerId": customer}
    answers = await at_once(
        *assign[:4],
        *(admin.delete(f"/api/customer/{customer_id}") for _ in range(3)),
        *assign[4:],
        admin.post("/api/device", json={"name": unique(), "customerId": customer}),
        admin.post("/api/user?sendActivationMail=false", json=user),
    )
    assert statuses(answers[4:7]) == {200: 1, 404: 2}
    assert statuses(answers).keys() <= {200, 400, 404}
    for device_id in ids:
        info = await made(admin.get(f"/api/device/info/{device_id}"))
        assert (info["customerTitle"], info["customerId"]["id"]) == (None, "13814000-1dd2-11b2-8080-808080808080")


async def test_a_profile_deleted_while_it_gets_devices(admin: httpx.AsyncClient) -> None:
    for _ in range(3):
        new = {"name": unique(), "type": "DEFAULT", "transportType": "DEFAULT"}
        profile = await made(admin.post("/api/deviceProfile", json=new))
        path = f"/api/deviceProfile/{profile['id']['id']}"
        answers = await at_once(
            admin.delete(path),
            *(admin.post("/api/device", json={"name": unique(), "deviceProfileId": profile["id"]}) for _ in range(4)),
            admin.delete(path),
            admin.post("/api/deviceProfile", json=profile | {"description": "x"}),
        )
        gone = (await admin.get(path)).status_code == 404
        assert statuses(answers[1:5]) == ({400: 4} if gone else {200: 4})
        assert statuses([answers[0], answers[5]])[200] == gone


async def test_a_tenant_deleted_while_it_works(served: Served, admin: httpx.AsyncClient) -> None:
    with rest_caller(served.rest, "sysadmin@thingsboard.org", "sysadmin") as caller:
        sys_admin = {"X-Authorization": caller.http.headers["X-Authorization"]}
    tenant = await made(admin.post("/api/tenant", json={"title": unique()}, headers=sys_admin))
    user = {"email": f"{unique()}@example.org", "authority": "TENANT_ADMIN", "tenantId": tenant["id"]}
    user = await made(admin.post("/api/user?sendActivationMail=false", json=user, headers=sys_admin))
    link = await admin.get(f"/api/user/{user['id']['id']}/activationLink", headers=sys_admin)
    first = {"activateToken": link.text.partition("=")[2], "password": "secret1"}
    tokens = await made(admin.post("/api/noauth/activate", json=first))
    theirs = {"X-Authorization": f"Bearer {tokens['token']}"}
    work = [
        request
        for _ in range(4)
        for request in (
            admin.post("/api/device", json={"name": unique()}, headers=theirs),
            admin.post("/api/device", json={"name": unique(), "type": unique()}, headers=theirs),
            admin.post("/api/customer", json={"title": unique()}, headers=theirs),
            admin.get("/api/deviceProfileInfo/default", headers=theirs),
            admin.get("/api/auth/user", headers=theirs),
        )
    ]
    path = f"/api/tenant/{tenant['id']['id']}"
    end = [admin.delete(path, headers=sys_admin) for _ in range(2)]
    answers = await at_once(*work[:10], *end, *work[10:])
    assert statuses(answers[10:12]) == {200: 1, 404: 1}
    assert statuses([*answers[:10], *answers[12:]]).keys() <= {200, 400, 401, 404}
    assert (await admin.get("/api/auth/user", headers=theirs)).status_code == 401


async def test_credentials_replaced_while_the_device_connects(served: Served, admin: httpx.AsyncClient) -> None:
    """Whoever got in with the old token is put out, and nobody gets in with it afterwards."""
    device = await made(admin.post("/api/device", json={"name": unique(), "type": unique()}))
    path = f"/api/device/{device['id']['id']}/credentials"
    for _ in range(10):
        credentials = await made(admin.get(path))
        old, new = credentials["credentialsId"], unique()
        early, late = MqttDevice(served.mqtt_port), MqttDevice(served.mqtt_port)
        try:
            async with asyncio.timeout(20):
                got_in, _ = await asyncio.gather(
                    early.connect(old),
                    made(admin.post("/api/device/credentials", json=credentials | {"credentialsId": new})),
                )
                if got_in:
                    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                        await early.read()
                assert not await late.connect(old)
        finally:
            await early.leave()
            await late.leave()
    fresh = MqttDevice(served.mqtt_port)
    assert await fresh.connect((await made(admin.get(path)))["credentialsId"])
    await fresh.leave()
