"""One `trunkline serve --demo` with its devices: what the loads need to know of it."""

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from processes import Running, free_port

USER = {"username": "tenant@thingsboard.org", "password": "tenant"}


def access_token(number: int) -> str:
    """The access token of a simulated device."""
    return f"BENCH_{number}"


@dataclass(frozen=True)
class Installation:
    """A running server and how to reach it."""

    running: Running
    rest: str
    mqtt_port: int
    grpc: str
    jwt: str = ""
    device_ids: tuple[str, ...] = ()

    def only(self, devices: int) -> "Installation":
        """The same, as if it had no more devices than these first ones."""
        return replace(self, device_ids=self.device_ids[:devices])


def launch(layout: str, work: Path, database: str = "") -> Installation:
    """Start a server of `layout` (`parts` or `one`) on free ports, on what the folder `work` and the database have."""
    trunkline = str(Path(sys.executable).parent / "trunkline")
    command = [trunkline, "serve", "--demo", "--processes", layout, "--data-dir", str(work / "data")]
    for name in ("http", "mqtt", "mqtt-tls", "grpc"):
        command += [f"--{name}-port", str(free_port())]
    if database:
        command += ["--database", database]
    running = Running([*command, "--metrics-port", "0"], ready="ready ", log=work / "serve.log")
    urls = dict(re.findall(r"(\w+)=(\S+)", running.ready_line))
    return Installation(running, urls["rest"], int(urls["mqtt"].rsplit(":", 1)[1]), urls["grpc"])


def start(layout: str, devices: int, work: Path, database: str = "") -> Installation:
    """Start a new server, log in and make its devices."""
    server = launch(layout, work, database)
    with httpx.Client(base_url=server.rest, trust_env=False, timeout=30) as http:
        jwt = http.post("/api/auth/login", json=USER).raise_for_status().json()["token"]
        http.headers["X-Authorization"] = f"Bearer {jwt}"
        ids = []
        for number in range(devices):
            made = http.post(
                "/api/device", params={"accessToken": access_token(number)}, json={"name": f"Bench {number}"}
            )
            ids.append(made.raise_for_status().json()["id"]["id"])
    return replace(server, jwt=jwt, device_ids=tuple(ids))
