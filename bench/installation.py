"""One `trunkline serve --demo` with its devices: what the loads need to know of it."""

import re
import sys
from dataclasses import dataclass
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
    jwt: str
    device_ids: tuple[str, ...]


def start(layout: str, devices: int, work: Path) -> Installation:
    """Start a server of `layout` (`parts` or `one`) on free ports, and make its devices."""
    trunkline = str(Path(sys.executable).parent / "trunkline")
    command = [trunkline, "serve", "--demo", "--processes", layout, "--data-dir", str(work / "data")]
    for name in ("http", "mqtt", "mqtt-tls", "grpc"):
        command += [f"--{name}-port", str(free_port())]
    running = Running([*command, "--metrics-port", "0"], ready="ready ", log=work / "serve.log")
    urls = dict(re.findall(r"(\w+)=(\S+)", running.ready_line))
    with httpx.Client(base_url=urls["rest"], trust_env=False, timeout=30) as http:
        jwt = http.post("/api/auth/login", json=USER).raise_for_status().json()["token"]
        http.headers["X-Authorization"] = f"Bearer {jwt}"
        ids = []
        for number in range(devices):
            made = http.post(
                "/api/device", params={"accessToken": access_token(number)}, json={"name": f"Bench {number}"}
            )
            ids.append(made.raise_for_status().json()["id"]["id"])
    mqtt_port = int(urls["mqtt"].rsplit(":", 1)[1])
    return Installation(running, urls["rest"], mqtt_port, urls["grpc"], jwt, tuple(ids))
