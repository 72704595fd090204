"""One server for all scenarios, a fresh device for each, and clients of each library."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from doubles.mqtt_device import MqttDevice
from system.rest_caller import RestCaller, rest_caller
from system.runners import Served, serve
from system.scenarios.clients import LIBRARIES, V3, Gmqtt, Paho

CALL_TIMEOUT_MS = 15_000


class Device(NamedTuple):
    id: str
    token: str


class Stack:
    """The server and its tenant's REST client."""

    def __init__(self, served: Served, rest: RestCaller, authority: Path) -> None:
        self.mqtt_port = served.mqtt_port
        self.mqtts_port = served.mqtts_port
        self.authority = authority
        """The certificate that the server's TLS port shows."""
        self.rest = rest

    @property
    def http(self) -> httpx.Client:
        return self.rest.http

    def device(self, **fields: Any) -> Device:
        """A fresh device with an access token."""
        token = secrets.token_hex(8)
        answer = self.http.post("/api/device", params={"accessToken": token}, json={"name": f"s-{token}", **fields})
        assert answer.status_code == 200, answer.text
        return Device(answer.json()["id"]["id"], token)

    def device_with(self, kind: str, value: str, **also: Any) -> Device:
        """A fresh device with credentials of another kind."""
        name = f"s-{secrets.token_hex(8)}"
        credentials = {"credentialsType": kind, "credentialsValue": value, **also}
        answer = self.http.post(
            "/api/device-with-credentials", json={"device": {"name": name}, "credentials": credentials}
        )
        assert answer.status_code == 200, answer.text
        return Device(answer.json()["id"]["id"], "")

    async def twoway(
        self, device: Device, method: str = "getValue", params: Any = True, **fields: Any
    ) -> httpx.Response:
        """A two-way call, made while the test goes on."""
        return await self._call(self.rest.twoway, device, method, params, fields)

    async def oneway(
        self, device: Device, method: str = "setGpio", params: Any = None, **fields: Any
    ) -> httpx.Response:
        """A one-way call."""
        return await self._call(self.rest.oneway, device, method, params, fields)

    async def _call(
        self, call: Callable[..., httpx.Response], device: Device, method: str, params: Any, fields: dict[str, Any]
    ) -> httpx.Response:
        body = {"method": method, "params": params, "timeout": CALL_TIMEOUT_MS, **fields}
        return await asyncio.to_thread(call, device.id, body)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data_dir: Path = tmp_path_factory.mktemp("scenarios")
    with serve("parts", data_dir) as served, rest_caller(served.rest) as rest:
        yield Stack(served, rest, data_dir / "demo-certificate.pem")


@pytest.fixture
def device(stack: Stack) -> Device:
    return stack.device()


NewClient = Callable[..., Paho | Gmqtt]


@pytest.fixture(params=sorted(LIBRARIES))
async def client(request: pytest.FixtureRequest) -> AsyncIterator[NewClient]:
    """Makes clients of one library; `client(V5)`."""
    made: list[Paho | Gmqtt] = []

    def new(level: int) -> Paho | Gmqtt:
        made.append(LIBRARIES[request.param](level))
        return made[-1]

    async with asyncio.timeout(60):
        yield new
        for one in made:
            with suppress(Exception):  # the server may have ended it, and libraries differ in how they say so
                await one.leave()


@pytest.fixture
async def raw(stack: Stack) -> AsyncIterator[Callable[..., MqttDevice]]:
    """Makes devices that speak packet by packet; `raw(level=5)`."""
    made: list[MqttDevice] = []

    def new(level: int = V3, qos: int = 1) -> MqttDevice:
        made.append(MqttDevice(stack.mqtt_port, level=level, qos=qos))
        return made[-1]

    async with asyncio.timeout(60):
        yield new
        for one in made:
            await one.leave()
