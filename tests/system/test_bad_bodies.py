"""Whatever stands in whichever member of an entity: the caller is told, and nothing breaks."""

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from system.rest_caller import rest_caller
from system.runners import serve

Json = dict[str, Any]

UNKNOWN: Final = "11111111-1111-1111-1111-111111111111"

ODD: Final = (
    "null",
    "true",
    "-1",
    "1e400",
    "99999999999999999999999999",
    "NaN",
    '""',
    '"a\\u0000"',
    '"\\ud800"',
    json.dumps("x" * 300),
    json.dumps("x" * 70_000),
    "[]",
    "{}",
    "[" * 150 + "]" * 150,
    "[" * 5_000 + "]" * 5_000,
    f'{{"id":"{UNKNOWN}"}}',
    f'{{"entityType":"DEVICE","id":"{UNKNOWN}"}}',
    '{"entityType":"DEVICE","id":"abc"}',
    '{"type":"MQTT"}',
)
"""JSON, or nearly, that some member is not made for."""

USER: Final = "user?sendActivationMail=false"
ENTITIES: Final = ("device", "device/credentials", "device-with-credentials", "deviceProfile", "customer", USER)


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serve("one", tmp_path_factory.mktemp("data")) as served, rest_caller(served.rest) as caller:
        yield caller.http


@pytest.fixture(scope="module")
def bodies(admin: httpx.Client) -> dict[str, Json]:
    """What may be sent back to each path, as it was read."""
    device = admin.post("/api/device", json={"name": "Odd", "type": "odd"}).json()
    credentials = admin.get(f"/api/device/{device['id']['id']}/credentials").json()
    profile = admin.get(f"/api/deviceProfile/{device['deviceProfileId']['id']}").json()
    customer = admin.post("/api/customer", json={"title": "Odd"}).json()
    person = {"email": "odd@example.org", "authority": "CUSTOMER_USER", "customerId": customer["id"]}
    user = admin.post(f"/api/{USER}", json=person).json()
    entities = (device, credentials, {"device": device, "credentials": credentials}, profile, customer, user)
    return {path: without_versions(body) for path, body in zip(ENTITIES, entities, strict=True)}


def without_versions(body: Json) -> Json:
    """The body for a change that asks for no version, whatever was changed before."""
    return {
        name: None if name == "version" else without_versions(value) if isinstance(value, dict) else value
        for name, value in body.items()
    }


def members(body: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all members, those of objects in it too."""
    for name, value in body.items():
        yield (*path, name)
        if isinstance(value, dict):
            yield from members(value, (*path, name))


def with_odd(body: Json, path: tuple[str, ...], odd: str) -> bytes:
    """The body as JSON, with the text `odd` where the member is."""
    changed = json.loads(json.dumps(body))
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = "@odd@"
    return json.dumps(changed).replace('"@odd@"', odd).encode()


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_member_with_everything_odd(admin: httpx.Client, bodies: dict[str, Json], entity: str) -> None:
    body = bodies[entity]
    refused = 0
    for path in members(body):
        for odd in ODD:
            answer = admin.post(f"/api/{entity}", content=with_odd(body, path, odd))
            assert answer.status_code in (200, 400, 404, 409), (path, odd[:80], answer.text)
            if answer.status_code != 200:
                refused += 1
                assert answer.json()["message"], (path, odd[:80])
    assert refused > len(body)  # it is the members that are read, not the body as a whole
    assert admin.post(f"/api/{entity}", json=body).status_code == 200


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("body", [b"", b" ", b"null", b"[]", b"5", b"{", b"\xff", b"{}", b'{"id":{}}'])
def test_what_is_no_entity(admin: httpx.Client, entity: str, body: bytes) -> None:
    answer = admin.post(f"/api/{entity}", content=body)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, 31)
