"""The examples do what they say against a running server."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from system.paho_device import paho_device
from system.rest_caller import rest_caller
from system.runners import ROOT, Served

EXAMPLES = ROOT / "examples"
REPLY = '{"did":"setGpio","with":{"pin":7,"value":1}}'


@pytest.fixture
def device(served: Served) -> Iterator[None]:
    with paho_device(served.mqtt_port, "A1_TEST_TOKEN"):
        yield


def run(command: list[str], **environment: str) -> str:
    """A command's standard output; it must succeed."""
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.needs("curl")
@pytest.mark.usefixtures("device")
def test_the_documented_sample(served: Served, tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "set-gpio-request.json", tmp_path)
    script = tmp_path / "set-gpio-request.sh"
    script.write_text(served.at_these_ports((EXAMPLES / script.name).read_text()))
    with rest_caller(served.rest) as tenant:
        device_id = tenant.device_id("Test Device A1")
        bare_token = tenant.http.headers["X-Authorization"].removeprefix("Bearer ")
    assert run(["sh", str(script)], DEVICE_ID=device_id, JWT_TOKEN=bare_token) == REPLY


@pytest.mark.usefixtures("device")
def test_call_in_python(served: Served) -> None:
    assert run([sys.executable, str(EXAMPLES / "call.py")], TRUNKLINE_GRPC=served.grpc).strip() == REPLY


@pytest.mark.usefixtures("device")
def test_call_stream_in_python(served: Served) -> None:
    lines = run([sys.executable, str(EXAMPLES / "call_stream.py")], TRUNKLINE_GRPC=served.grpc).splitlines()
    assert len(lines) == 10
    assert all("SUCCEEDED" in line for line in lines)


@pytest.mark.usefixtures("device")
def test_presence_in_python(served: Served) -> None:
    with rest_caller(served.rest) as tenant:
        device_id = tenant.device_id("Test Device A1")
    watching = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "presence.py")],
        env={**os.environ, "TRUNKLINE_GRPC": served.grpc},
        stdout=subprocess.PIPE,
        text=True,
    )
    with watching:
        assert watching.stdout is not None
        lines = (line.split() for line in watching.stdout)
        assert next(state for device, *state in lines if device == device_id) == ["connected", "active"]
        watching.kill()


def test_watched_calls_in_python(served: Served) -> None:
    watching = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "watch_calls.py")],
        env={**os.environ, "TRUNKLINE_GRPC": served.grpc},
        stdout=subprocess.PIPE,
        text=True,
    )
    with watching, ExitStack() as stack, rest_caller(served.rest) as tenant:
        assert watching.stdout is not None
        stack.callback(watching.kill)
        device_id = tenant.device_id("Test Device B1")  # away, so that its call waits for whoever comes to watch
        stored = {"method": "watched", "params": {}, "persistent": True, "timeout": 600_000}
        call_id = tenant.http.post(f"/api/rpc/twoway/{device_id}", json=stored).json()["rpcId"]
        ours = (line.split()[1:] for line in watching.stdout if line.startswith(call_id))
        assert next(ours) == ["watched", "QUEUED"]
        assert tenant.http.post(f"/api/rpc/persistent/{call_id}/cancel").status_code == 200
        assert next(ours) == ["watched", "FAILED"]


@pytest.fixture(scope="session")
def node_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the Node.js example with its packages installed from the lock file."""
    folder = tmp_path_factory.mktemp("examples") / "node"
    shutil.copytree(EXAMPLES / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True)
    return folder


@pytest.mark.needs("node", "npm")
@pytest.mark.usefixtures("device")
def test_call_in_node(served: Served, node_examples: Path) -> None:
    protos = str(ROOT / "proto")
    said = run(["node", str(node_examples / "call.js")], TRUNKLINE_GRPC=served.grpc, TRUNKLINE_PROTOS=protos)
    assert said.strip() == f"OUTCOME_SUCCEEDED {REPLY}"


@pytest.mark.needs("node", "npm")
@pytest.mark.usefixtures("device")
def test_call_stream_in_node(served: Served, node_examples: Path) -> None:
    protos = str(ROOT / "proto")
    said = run(["node", str(node_examples / "call_stream.js")], TRUNKLINE_GRPC=served.grpc, TRUNKLINE_PROTOS=protos)
    lines = sorted(said.splitlines(), key=lambda line: int(line.split()[0]))
    assert lines == [
        f'{index + 1} OUTCOME_SUCCEEDED {{"did":"setGpio","with":{{"pin":{index},"value":1}}}}' for index in range(10)
    ]
