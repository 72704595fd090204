"""What the tests of people say to a server and read of its answers."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

UNKNOWN = "11111111-1111-1111-1111-111111111111"
NONE = "13814000-1dd2-11b2-8080-808080808080"

Json = dict[str, Any]
Callers = Mapping[str, httpx.Client]


def unique() -> str:
    return f"n{uuid.uuid4().hex[:12]}"


def entity(entity_type: str, entity_id: str) -> Json:
    return {"entityType": entity_type, "id": entity_id}


def user_of(customer: Json) -> Json:
    return {"email": f"{unique()}@example.org", "authority": "CUSTOMER_USER", "customerId": customer["id"]}


def made(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def told(answer: httpx.Response) -> tuple[int, int, str]:
    """Status, code and message of a refusal."""
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["errorCode"], body["message"]


def activated(admin: httpx.Client, nobody: httpx.Client, user: Json, password: str = "secret1") -> Json:
    """The tokens of a user whose first password was set."""
    link = admin.get(f"/api/user/{user['id']['id']}/activationLink")
    token = parse_qs(urlsplit(link.text).query)["activateToken"][0]
    return made(nobody.post("/api/noauth/activate", json={"activateToken": token, "password": password}))


def by(tokens: Json) -> dict[str, str]:
    return {"X-Authorization": f"Bearer {tokens['token']}"}
