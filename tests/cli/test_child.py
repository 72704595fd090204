import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def start(name: str, environment: Mapping[str, str], parent: int) -> tuple["subprocess.Popen[str]", str]:
    """A child as the supervisor starts it, and what it wrote to its status pipe."""
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "trunkline.cli.child", name],
        env={**os.environ, **environment, "TRUNKLINE_STATUS_FD": str(writing), "TRUNKLINE_PARENT_PID": str(parent)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(writing,),
        text=True,
    )
    os.close(writing)
    with os.fdopen(reading) as status:
        return child, status.read()


def test_a_part_says_when_it_is_ready_and_drains_when_its_parent_is_gone(tmp_path: Path) -> None:
    environment = {
        "TRUNKLINE_CORE_DATA_DIR": str(tmp_path),
        "TRUNKLINE_CORE_GRPC_PORT": "0",
        "TRUNKLINE_CORE_METRICS_PORT": "0",
        "TRUNKLINE_CORE_DEMO": "true",
    }
    child, status = start("core", environment, os.getpid())
    with child:
        facts = json.loads(status)
        assert facts["urls"].keys() == {"grpc", "metrics"}
        assert ["tenant@thingsboard.org", "tenant"] in facts["accounts"]
        assert child.stdin is not None
        child.stdin.close()
    assert child.returncode == 0


def test_what_keeps_a_part_from_starting_is_one_line(tmp_path: Path) -> None:
    for name, environment in (
        ("core", {"TRUNKLINE_CORE_GRPC_PORT": "many"}),
        ("core", {"TRUNKLINE_CORE_DATA_DIR": "/dev/null/data"}),
        (
            "mqtt",
            {
                "TRUNKLINE_WORKER_DATA_DIR": str(tmp_path),
                "TRUNKLINE_WORKER_LOG_LEVEL": "ERROR",  # it warns of an address that others could reach
                "TRUNKLINE_MQTT_HOST": "192.0.2.1",
            },
        ),
    ):
        child, status = start(name, environment, os.getpid())
        with child:
            assert child.stderr is not None
            said = child.stderr.read()
        assert (child.returncode, status) == (1, "")
        assert said.count("\n") == 1, said
