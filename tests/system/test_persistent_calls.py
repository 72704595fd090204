"""Persistent calls over REST against a whole server: their life, their names, who may see them, and watching them."""

import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from system.paho_device import echo, paho_device
from system.rest_caller import RestCaller, rest_caller
from system.runners import Served

Json = dict[str, Any]

LONG_MS = 600_000


@pytest.fixture
def admin(served: Served) -> Iterator[RestCaller]:
    with rest_caller(served.rest) as caller:
        yield caller


@pytest.fixture
def token() -> str:
    """Of a device of the test's own."""
    return f"persistent-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def device_id(admin: RestCaller, token: str) -> str:
    answer = admin.http.post(f"/api/device?accessToken={token}", json={"name": token, "type": "default"})
    return str(answer.json()["id"]["id"])


def stored(caller: RestCaller, device_id: str, *, kind: str = "twoway", **body: Any) -> str:
    """The id of a new persistent call."""
    asked = {"method": "setGpio", "params": {"pin": 7}, "persistent": True, "timeout": LONG_MS} | body
    answer = caller.http.post(f"/api/rpc/{kind}/{device_id}", json=asked)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["rpcId"])


def read(caller: RestCaller, rpc_id: str, wait_ms: int = 0) -> Json:
    answer = caller.http.get(f"/api/rpc/persistent/{rpc_id}", params={"waitMs": wait_ms})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def listed(caller: RestCaller, device_id: str, **query: Any) -> list[str]:
    answer = caller.http.get(f"/api/rpc/persistent/device/{device_id}", params={"pageSize": 100, "page": 0} | query)
    assert answer.status_code == 200, answer.text
    return [rpc["id"]["id"] for rpc in answer.json()["data"]]


def explained(caller: RestCaller, rpc_id: str) -> Json:
    answer = caller.http.get(f"/api/rpc/{rpc_id}/explain")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_call_waits_for_its_device(served: Served, admin: RestCaller, device_id: str, token: str) -> None:
    rpc_id = stored(admin, device_id, retries=9, additionalInfo={"a": 1.5})
    queued = read(admin, rpc_id, 50)
    assert (queued["status"], queued["response"], queued["additionalInfo"]) == ("QUEUED", None, {"a": 1.5})
    assert queued["request"]["body"] == {"method": "setGpio", "params": '{"pin":7}'}
    assert (queued["request"]["retries"], queued["request"]["persisted"], queued["request"]["oneway"]) == (
        9,
        True,
        False,
    )
    assert 0 < queued["expirationTime"] - queued["createdTime"] <= LONG_MS
    assert explained(admin, rpc_id)["cause"] == "DEVICE_OFFLINE"
    with paho_device(served.mqtt_port, token):
        done = read(admin, rpc_id, 30_000)
    assert (done["status"], done["response"]) == ("SUCCESSFUL", {"did": "setGpio", "with": {"pin": 7}})
    told = explained(admin, rpc_id)
    assert (told["outcome"], told["cause"], told["rpc"]) == ("SUCCEEDED", None, done)
    steps = [moment["step"] for moment in told["timeline"]]
    assert steps[:2] == ["ACCEPTED", "STORED"]
    assert {"WAITING", "ROUTED", "REPLIED", "ENDED"} <= set(steps)


def test_a_device_that_answers_no_json(served: Served, admin: RestCaller, device_id: str, token: str) -> None:
    rpc_id = stored(admin, device_id)
    with paho_device(served.mqtt_port, token, answer=lambda *_: b"22:20"):
        done = read(admin, rpc_id, 30_000)
    assert (done["status"], done["response"]) == ("SUCCESSFUL", {"error": "22:20"})


def test_lists(admin: RestCaller, device_id: str) -> None:
    names = ["b %", "a_", "ROOM"]
    first, second, third = (stored(admin, device_id, method=name, params={"of": "Ünit"}) for name in names)
    expired = stored(admin, device_id, expirationTime=1)
    assert read(admin, expired)["status"] == "EXPIRED"
    assert set(listed(admin, device_id)) == {first, second, third, expired}
    assert listed(admin, device_id, sortProperty="createdTime")[:2] == [first, second]
    assert listed(admin, device_id, sortProperty="request", sortOrder="DESC")[-1] == third, "by code points"
    assert listed(admin, device_id, rpcStatus="EXPIRED") == [expired]
    assert listed(admin, device_id, textSearch="%") == [first]
    assert listed(admin, device_id, textSearch="_") == [second]
    assert listed(admin, device_id, textSearch="room") == [third]
    assert len(listed(admin, device_id, textSearch="nit")) == 3
    page = admin.http.get(f"/api/rpc/persistent/device/{device_id}?pageSize=3&page=9").json()
    assert page == {"data": [], "totalPages": 2, "totalElements": 4, "hasNext": False}


def test_cancelling_and_deleting(served: Served, admin: RestCaller, device_id: str, token: str) -> None:
    cancelled, deleted = stored(admin, device_id), stored(admin, device_id)
    answer = admin.http.post(f"/api/rpc/persistent/{cancelled}/cancel").json()
    assert (answer["result"], answer["rpc"]["status"]) == ("WITHDRAWN", "FAILED")
    assert answer["rpc"]["response"]["error"].startswith("Cancelled")
    again = admin.http.post(f"/api/rpc/persistent/{cancelled}/cancel").json()
    assert (again["result"], again["rpc"]) == ("ALREADY_ENDED", answer["rpc"])
    assert admin.http.delete(f"/api/rpc/persistent/{deleted}").content == b""
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel")):
        answer_gone = admin.http.request(method, f"/api/rpc/persistent/{deleted}{path}")
        assert (answer_gone.status_code, answer_gone.json()["errorCode"]) == (404, 32)
        assert answer_gone.json()["message"] == f"Rpc with id [{deleted}] is not found"
    last = stored(admin, device_id, method="last")
    with paho_device(served.mqtt_port, token) as calls:
        assert read(admin, last, 30_000)["status"] == "SUCCESSFUL"
        assert calls.get(timeout=10)[1] == b'{"method":"last","params":{"pin":7}}', "neither of the others"


def test_a_call_that_the_device_has_is_marked(served: Served, admin: RestCaller, device_id: str, token: str) -> None:
    with paho_device(served.mqtt_port, token, answer=lambda *_: None) as calls:
        rpc_id = stored(admin, device_id)
        calls.get(timeout=10)
        assert admin.http.post(f"/api/rpc/persistent/{rpc_id}/cancel").json()["result"] == "MARKED"
    assert explained(admin, rpc_id)["cause"] == "CANCELLED"


def test_the_same_call_twice(served: Served, admin: RestCaller, device_id: str, token: str) -> None:
    name = str(uuid.uuid4())
    assert stored(admin, device_id, requestUUID=name.upper()) == stored(admin, device_id, requestUUID=name) == name
    path, body = f"/api/rpc/twoway/{device_id}", {"method": "setGpio", "params": {"pin": 7}, "persistent": True}
    by_key = [admin.http.post(path, json=body, headers={"Idempotency-Key": "7/1"}).json()["rpcId"] for _ in range(2)]
    assert by_key[0] == by_key[1] != name
    for changed in ({"method": "other"}, {"params": 8}, {"persistent": False}):
        answer = admin.http.post(path, json=body | {"requestUUID": name} | changed)
        assert (answer.status_code, answer.json()["errorCode"]) == (409, 35)
        assert answer.headers["trunkline-cause"] == "IDEMPOTENCY_CONFLICT"
    other = admin.http.post("/api/device", json={"name": f"{token}-2", "type": "default"}).json()["id"]["id"]
    assert stored(admin, other, requestUUID=name) != name, "another device's names do not matter"
    with paho_device(served.mqtt_port, token) as calls:
        for rpc_id in (name, by_key[0]):
            assert read(admin, rpc_id, 30_000)["status"] == "SUCCESSFUL"
        assert stored(admin, device_id, requestUUID=name) == name
        assert calls.qsize() == 2


def test_an_ordinary_call_is_answered_again(served: Served, admin: RestCaller, device_id: str, token: str) -> None:
    body = {"method": "setGpio", "params": 1, "requestUUID": str(uuid.uuid4())}
    with paho_device(served.mqtt_port, token) as calls:
        answers = [admin.twoway(device_id, body, v1=v1) for v1 in (True, False)]
        assert [answer.json() for answer in answers] == [{"did": "setGpio", "with": 1}] * 2
        assert [answer.headers["trunkline-call-id"] for answer in answers] == [body["requestUUID"]] * 2
        assert calls.qsize() == 1


def test_an_ordinary_call_that_failed_is_explained(admin: RestCaller, device_id: str) -> None:
    answer = admin.twoway(device_id, {"method": "m", "failFast": True})
    assert answer.status_code == 504
    rpc_id = answer.headers["trunkline-call-id"]
    told = explained(admin, rpc_id)
    assert (told["cause"], told["rpc"]["request"]["persisted"]) == ("DEVICE_OFFLINE", False)
    assert told["hint"]
    assert admin.http.get(f"/api/rpc/persistent/{rpc_id}").status_code == 404


def test_who_may_see_what(served: Served, admin: RestCaller, device_id: str) -> None:
    not_theirs, theirs = stored(admin, device_id), stored(admin, admin.device_id("Test Device A2"), expirationTime=1)
    with (
        rest_caller(served.rest, "customer@thingsboard.org", "customer") as customer_user,
        rest_caller(served.rest, "tenant2@thingsboard.org", "tenant2") as other_admin,
    ):
        for method, path in (
            ("GET", f"/api/rpc/persistent/{not_theirs}"),
            ("POST", f"/api/rpc/persistent/{not_theirs}/cancel"),
            ("GET", f"/api/rpc/{not_theirs}/explain"),
        ):
            for stranger in (customer_user, other_admin):
                assert stranger.http.request(method, path).status_code == 404
            assert customer_user.http.request(method, path.replace(not_theirs, theirs)).status_code == 200
        assert other_admin.http.delete(f"/api/rpc/persistent/{not_theirs}").status_code == 404
        assert customer_user.http.delete(f"/api/rpc/persistent/{theirs}").status_code == 403
        listing = f"/api/rpc/persistent/device/{device_id}?pageSize=1&page=0"
        assert [who.http.get(listing).status_code for who in (customer_user, other_admin)] == [403, 404]
        for who in (customer_user, other_admin):
            answer = who.http.get("/api/rpc/events", params={"deviceId": device_id})
            assert answer.status_code in (403, 404), "nobody may listen either"


def test_calls_of_a_deleted_device_can_be_read(admin: RestCaller, device_id: str) -> None:
    rpc_id = stored(admin, device_id)
    assert admin.http.delete(f"/api/device/{device_id}").status_code == 200
    gone = read(admin, rpc_id, 10_000)
    assert gone["status"] == "FAILED"
    assert "error" in gone["response"]
    assert admin.http.get(f"/api/rpc/persistent/device/{device_id}?pageSize=1&page=0").status_code == 404
    assert admin.http.delete(f"/api/rpc/persistent/{rpc_id}").status_code == 200


class Listener(threading.Thread):
    """Reads events until so many came or the stream ended."""

    def __init__(self, http: httpx.Client, count: int, last_id: str = "", **query: Any) -> None:
        super().__init__()
        self.events: list[tuple[str, Json]] = []
        self.last_id = last_id
        self.listening = threading.Event()
        self._http = http
        self._count = count
        self._query = query
        self.start()

    def run(self) -> None:
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        with self._http.stream("GET", "/api/rpc/events", params=self._query, headers=headers) as answer:
            assert answer.status_code == 200
            name = ""
            for line in answer.iter_lines():
                key, _, value = line.partition(": ")
                if key == "id":
                    self.last_id = value
                    self.listening.set()
                elif key == "event":
                    name = value
                elif key == "data":
                    self.events.append((name, json.loads(value)))
                elif not line and len(self.events) >= self._count:
                    return


def test_watching(served: Served, admin: RestCaller, device_id: str, token: str) -> None:
    with rest_caller(served.rest) as caller:
        listener = Listener(caller.http, 1, deviceId=device_id)
        assert listener.listening.wait(30)
        rpc_id = stored(admin, device_id)
        stored(admin, admin.device_id("Test Device A2"), expirationTime=1)
        listener.join(30)
        (name, first), *_ = listener.events
        assert (name, first["rpcId"], first["status"], first["persistent"]) == ("call", rpc_id, "QUEUED", True)
        with paho_device(served.mqtt_port, token, answer=lambda method, params: echo(method, params)):
            read(admin, rpc_id, 30_000)
        later = Listener(caller.http, 1, listener.last_id, deviceId=device_id, rpcStatus="SUCCESSFUL,FAILED")
        later.join(30)
        assert [(event["rpcId"], event["status"]) for _, event in later.events] == [(rpc_id, "SUCCESSFUL")]
        waiting = stored(admin, device_id, method="waits")
        standing = Listener(caller.http, 2, deviceId=device_id, snapshot=True)
        standing.join(30)
        assert [(name, data.get("rpcId")) for name, data in standing.events] == [
            ("call", waiting),
            ("snapshotEnd", None),
        ]
        lost = Listener(caller.http, 3, "f-f", deviceId=device_id)
        lost.join(30)
        assert [name for name, _ in lost.events] == ["cursorExpired", "call", "snapshotEnd"]
