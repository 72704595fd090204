"""Starts the real `trunkline serve` on free ports in a data directory of its own, and ends it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).parent.parent.parent
START_S: Final = 60.0
STOP_S: Final = 30.0

FREE_PORTS: Final = tuple(f"--{name}-port=0" for name in ("http", "mqtt", "mqtt-tls", "coap", "grpc", "metrics"))


@dataclass
class Served:
    """A running server and where it is."""

    process: subprocess.Popen[str]
    urls: dict[str, str]
    """By the names of the ready line: rest, mqtt, grpc, metrics."""
    output: list[str] = field(default_factory=list)

    @property
    def rest(self) -> str:
        """`http://127.0.0.1:PORT`"""
        return self.urls["rest"]

    @property
    def grpc(self) -> str:
        """`127.0.0.1:PORT`"""
        return self.urls["grpc"]

    @property
    def mqtt_port(self) -> int:
        """MQTT over TCP."""
        port = urlsplit(self.urls["mqtt"]).port
        assert port is not None
        return port

    @property
    def mqtts_port(self) -> int:
        """MQTT over TLS; in a demo, or with a certificate."""
        port = urlsplit(self.urls["mqtts"]).port
        assert port is not None
        return port

    def at_these_ports(self, text: str) -> str:
        """A text that was written for the default ports, for this server."""
        grpc_port = self.grpc.rpartition(":")[2]
        rest_port = str(urlsplit(self.rest).port)
        if "mqtts" in self.urls:
            text = text.replace("8883", str(self.mqtts_port))
        return text.replace("8080", rest_port).replace("1883", str(self.mqtt_port)).replace("9090", grpc_port)


@contextmanager
def running(command: list[str], environment: Mapping[str, str]) -> Iterator[Served]:
    """Run a command that ends in `trunkline serve`; yields once it said ready. Ends it with SIGTERM."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    served = Served(process, {})
    decided = threading.Event()
    reader = threading.Thread(target=_read, args=(served, decided), name="output")
    reader.start()
    try:
        if not decided.wait(START_S) or not served.urls:
            raise AssertionError("not ready:\n" + "".join(served.output))
        yield served
    finally:
        try:
            process.terminate()
            process.wait(STOP_S)
        finally:
            _kill_session(process.pid)
            process.wait()
            reader.join()


def _read(served: Served, decided: threading.Event) -> None:
    """Keep the output and find the ready line; the end of the output decides, too."""
    assert served.process.stdout is not None
    with served.process.stdout as output:
        for line in output:
            served.output.append(line)
            if line.startswith("ready "):
                served.urls = dict(word.split("=", 1) for word in line.split()[1:])
                decided.set()
    decided.set()


def _kill_session(leader: int) -> None:
    """End what a stop that went wrong left behind."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


@contextmanager
def serve(layout: str, data_dir: Path, **environment: str) -> Iterator[Served]:
    """`trunkline serve --demo` in one of its two layouts (`parts`, `one`)."""
    command = [sys.executable, "-m", "trunkline.cli.main", "serve", "--demo", f"--processes={layout}"]
    command += [*FREE_PORTS, f"--data-dir={data_dir}"]
    with running(command, environment) as served:
        yield served
