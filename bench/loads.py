"""The loads that figures are made of, each for as long as the run says."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import http_load
from http_load import CALL, Load
from installation import Installation
from processes import Running, python


class Loads:
    """`seconds` of each load; scripts and logs go to the folder `work`."""

    def __init__(self, seconds: float, work: Path) -> None:
        self._seconds = seconds
        self._work = work

    def http(self, url: str, paths: Sequence[str], token: str, in_flight: int, body: str = CALL) -> Load:
        """POSTs of `body` to these paths in turn."""
        return http_load.run(url, paths, token, body, in_flight=in_flight, seconds=self._seconds, work=self._work)

    def two_way(self, server: Installation, in_flight: int) -> Load:
        """Two-way calls over REST."""
        return self._calls("twoway", server, in_flight)

    def one_way(self, server: Installation, in_flight: int) -> Load:
        """One-way calls over REST."""
        return self._calls("oneway", server, in_flight)

    def _calls(self, kind: str, server: Installation, in_flight: int) -> Load:
        paths = [f"/api/rpc/{kind}/{one}" for one in server.device_ids]
        return self.http(server.rest, paths, server.jwt, in_flight)

    def grpc(self, kind: str, target: str, server: Installation, in_flight: int) -> dict[str, float]:
        """A load of `grpc_load.py`."""
        return tool("grpc_load.py", kind, target, in_flight, self._seconds, lines=(server.jwt, *server.device_ids))

    def devices(self, port: int, count: int) -> Running:
        """So many simulated devices, connected."""
        return Running(python("fleet.py", port, count), ready="connected", log=self._work / "fleet.log")


def tool(script: str, *arguments: object, lines: Sequence[str] = ()) -> dict[str, float]:
    """What one of the bench's own scripts prints, given these lines to read."""
    command = python(script, *arguments)
    output = subprocess.run(command, input="\n".join(lines), check=True, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, float] = json.loads(output)
    return figures
