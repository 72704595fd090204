"""What a process tells once it serves: one line with the URLs, then accounts and, in a demo, first commands to copy."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from trunkline.cli.login import DEFAULT_URL

ORDER: Final = ("rest", "docs", "mqtt", "mqtts", "grpc", "metrics")
DEFAULT_MQTT_PORT: Final = 1883


@dataclass(frozen=True, slots=True)
class Facts:
    """What a started part has to tell: where it is, by kind of URL, and accounts (e-mail address, password) to show."""

    urls: Mapping[str, str] = field(default_factory=dict)
    accounts: Sequence[tuple[str, str]] = ()

    def __or__(self, other: "Facts") -> "Facts":
        """Both; URLs of the same kind side by side, separated by commas."""
        urls = dict(self.urls)
        for kind, url in other.urls.items():
            urls[kind] = f"{urls[kind]},{url}" if kind in urls else url
        return Facts(urls, (*self.accounts, *other.accounts))


def at(host: str, port: int) -> str:
    """`host:port` as one can go to it from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def text(facts: Facts, *, demo: bool) -> str:
    """The `ready` line first; programs read that one, as `name=value` after the first word."""
    kinds = sorted(facts.urls, key=lambda kind: ORDER.index(kind) if kind in ORDER else len(ORDER))
    lines = ["ready " + " ".join(f"{kind}={facts.urls[kind]}" for kind in kinds)]
    if facts.accounts:
        width = max(len(email) for email, _ in facts.accounts)
        title = "Demo accounts" if demo else "Accounts, shown only this once"
        lines += ["", f"{title}:", *(f"  {email:<{width}}  {password}" for email, password in facts.accounts)]
    if demo and {"rest", "mqtt"} <= facts.urls.keys():
        lines += ["", "A device, and from another terminal a first call to it:", *_first_commands(facts.urls)]
    return "\n".join(lines) + "\n"


def _first_commands(urls: Mapping[str, str]) -> list[str]:
    mqtt_port = urlsplit(urls["mqtt"]).port
    port = [] if mqtt_port == DEFAULT_MQTT_PORT else ["--mqtt-port", str(mqtt_port)]
    url = [] if urls["rest"] == DEFAULT_URL else ["--url", urls["rest"]]
    params = '{"pin": 7, "value": 1}'
    return [
        "  " + shlex.join([command(), "simulate", "1", "--access-token", "A1_TEST_TOKEN", *port]),
        "  " + shlex.join([command(), "call", *url, "Test Device A1", "setGpio", params]),
    ]


def command() -> str:
    """What to type for `trunkline` in the directory where we run."""
    beside = Path(sys.executable).with_name("trunkline")
    if shutil.which("trunkline") or not beside.exists():
        return "trunkline"
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)
