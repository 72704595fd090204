"""What `trunkline serve` says once everything serves: one line with the URLs, then accounts and a first command."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from trunkline.cli.login import DEFAULT_URL

Account = tuple[str, str]
"""E-mail address and password."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Where everything is; `accounts` are those to show."""

    host: str
    http_port: int
    mqtt_port: int
    grpc_port: int
    metrics_ports: Sequence[int]
    demo: bool
    accounts: Sequence[Account] = field(default=())

    @property
    def url(self) -> str:
        """Where the REST API is."""
        return f"http://{self._at(self.http_port)}"

    def text(self) -> str:
        """The `ready` line first; programs read that one, as `name=value` after the first word."""
        urls = {
            "rest": self.url,
            "docs": f"{self.url}/docs",
            "mqtt": f"mqtt://{self._at(self.mqtt_port)}",
            "grpc": self._at(self.grpc_port),
            "metrics": ",".join(f"http://{self._at(port)}/metrics" for port in self.metrics_ports),
        }
        lines = ["ready " + " ".join(f"{name}={url}" for name, url in urls.items() if url)]
        if self.accounts:
            width = max(len(email) for email, _ in self.accounts)
            title = "Demo accounts" if self.demo else "Accounts, shown only this once"
            lines += ["", f"{title}:", *(f"  {email:<{width}}  {password}" for email, password in self.accounts)]
        if self.demo:
            lines += [
                "",
                "A device, then in another terminal a first call to it:",
                *map("  ".__add__, self._commands()),
            ]
        return "\n".join(lines) + "\n"

    def _commands(self) -> list[str]:
        url = [] if self.url == DEFAULT_URL else ["--url", self.url]
        port = [] if self.mqtt_port == 1883 else ["--mqtt-port", str(self.mqtt_port)]
        params = '{"pin": 7, "value": 1}'
        return [
            shlex.join(["trunkline", "simulate", "1", "--access-token", "A1_TEST_TOKEN", *port]),
            shlex.join(["trunkline", "call", *url, "Test Device A1", "setGpio", params]),
        ]

    def _at(self, port: int) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
