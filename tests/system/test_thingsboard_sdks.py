"""ThingsBoard's own Python clients do their work here, unchanged: two for REST, one for devices.

They run in an environment of their own, as the scripts in `sdks`: one of them brings a paho of its own.
"""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from system.paho_device import echo, paho_device
from system.rest_caller import rest_caller
from system.runners import ROOT, Served

PYTHON: Final = Path(sys.prefix) / "sdks" / "bin" / "python"
CALL = {"method": "setGpio", "params": {"pin": 7, "value": 1}}
PAYLOAD = b'{"method":"setGpio","params":{"pin":7,"value":1}}'


@contextmanager
def running(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """One of the scripts; it must end well."""
    assert PYTHON.exists(), "the clients are not installed: make setup"
    command = [str(PYTHON), str(ROOT / "tests" / "system" / "sdks" / script), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
            _, complaints = process.communicate(timeout=60)
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0, complaints


def says(process: subprocess.Popen[str]) -> str:
    """The next line of its output, empty at its end."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


@pytest.mark.parametrize("script", ["rest_client_calls.py", "ce_client_calls.py"])
def test_rest_clients(served: Served, script: str) -> None:
    token = f"sdk-{uuid.uuid4().hex[:12]}"
    with running(script, served.rest, token) as client:
        assert says(client) == "created", client.communicate()[1]
        with paho_device(served.mqtt_port, token) as calls:
            _, complaints = client.communicate("\n", timeout=60)
            assert client.returncode == 0, complaints
            assert [calls.get(timeout=10)[1] for _ in range(4)] == [PAYLOAD] * 4


@pytest.mark.parametrize("script", ["rest_client_stored.py", "ce_client_stored.py"])
def test_rest_clients_make_calls_that_wait(served: Served, script: str) -> None:
    token = f"sdk-{uuid.uuid4().hex[:12]}"
    with running(script, served.rest, token) as client:
        assert says(client) == "queued", client.communicate()[1]
        with paho_device(served.mqtt_port, token, answer=_answer_some) as calls:
            _, complaints = client.communicate("\n", timeout=60)
            assert client.returncode == 0, complaints
            assert [calls.get(timeout=10)[1] for _ in range(2)] == [
                b'{"method":"setGpio","params":{"pin":7}}',
                b'{"method":"blink","params":{"pin":7}}',
            ]


def _answer_some(method: str, params: object) -> bytes | None:
    return echo(method, params) if method == "setGpio" else None


@pytest.mark.parametrize(
    "script", [f"{client}_client_{subject}.py" for client in ("rest", "ce") for subject in ("people", "devices")]
)
def test_rest_clients_look_after_people_and_devices(served: Served, script: str) -> None:
    with running(script, served.rest, f"sdk-{uuid.uuid4().hex[:12]}"):
        pass  # it must end well


def test_the_device_client(served: Served) -> None:
    with running("mqtt_client_device.py", str(served.mqtt_port), "A1_TEST_TOKEN") as device:
        assert says(device) == "limits 52428", device.communicate()[1]  # 80 % of the largest packet
        with rest_caller(served.rest) as tenant:
            answer = tenant.twoway(tenant.device_id("Test Device A1"), CALL)
        assert (answer.status_code, answer.json()) == (200, {"did": "setGpio", "with": CALL["params"]})
