"""A REST client of the tests: logs in once and calls devices."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

Body = dict[str, Any]


class RestCaller:
    """One user's view of one server."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def device_id(self, name: str) -> str:
        """The id of a device by its name."""
        answer = self.http.get("/api/tenant/device", params={"deviceName": name})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"]["id"])

    def twoway(self, device_id: str, body: Body, *, v1: bool = False) -> httpx.Response:
        """A two-way call at the newer or the older path."""
        return self._call("twoway", device_id, body, v1=v1)

    def oneway(self, device_id: str, body: Body, *, v1: bool = False) -> httpx.Response:
        """A one-way call."""
        return self._call("oneway", device_id, body, v1=v1)

    def _call(self, kind: str, device_id: str, body: Body, *, v1: bool) -> httpx.Response:
        return self.http.post(f"/api/{'plugins/' if v1 else ''}rpc/{kind}/{device_id}", json=body)


@contextmanager
def rest_caller(url: str, user: str = "tenant@thingsboard.org", password: str = "tenant") -> Iterator[RestCaller]:
    """A caller that is logged in, the demo's tenant administrator unless told otherwise."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        answer = http.post("/api/auth/login", json={"username": user, "password": password})
        assert answer.status_code == 200, answer.text
        http.headers["X-Authorization"] = f"Bearer {answer.json()['token']}"
        yield RestCaller(http)
