"""Parts started one by one, as an operator with a supervisor of their own would."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from system.runners import running

from trunkline.cli.alone import settings_for
from trunkline.core.settings import CoreSettings
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.settings import WorkerSettings

TRUNKLINE = [sys.executable, "-m", "trunkline.cli.main"]


def test_options_go_to_the_settings_that_have_them(tmp_path: Path) -> None:
    worker, mqtt = settings_for("mqtt", {"host": "127.0.0.2", "port": 7, "data_dir": tmp_path, "metrics_port": None})
    assert isinstance(worker, WorkerSettings) and isinstance(mqtt, MqttSettings)
    assert (worker.data_dir, worker.metrics_port) == (tmp_path, 9466)
    assert (mqtt.host, mqtt.port) == ("127.0.0.2", 7)
    (core,) = settings_for("core", {"demo": True})
    assert isinstance(core, CoreSettings) and core.demo


def test_the_parts_work_together_when_started_in_any_order(tmp_path: Path) -> None:
    data_dir = f"--data-dir={tmp_path}"
    any_port = "--metrics-port=0"
    with running([*TRUNKLINE, "transport", "mqtt", data_dir, any_port, "--mqtt-port=0"], {}) as worker:
        assert worker.urls.keys() == {"mqtt", "metrics"}
        with running([*TRUNKLINE, "core", "--demo", data_dir, any_port, "--grpc-port=0"], {}) as core:
            assert core.urls.keys() == {"grpc", "metrics"}
            assert "  tenant@thingsboard.org    tenant\n" in core.output
            with running([*TRUNKLINE, "facade", data_dir, any_port, "--http-port=0"], {}) as facade:
                assert facade.urls.keys() == {"rest", "docs", "metrics"}
                assert httpx.get(f"{facade.rest}/readyz", trust_env=False).status_code == 200
            assert facade.process.returncode == 0
            second = refused("core", data_dir, "--grpc-port=0", any_port)
            assert f"in use by process {core.process.pid}" in second
            taken = refused("transport", "mqtt", data_dir, f"--mqtt-port={worker.mqtt_port}")
            assert f"Port {worker.mqtt_port} is already used by" in taken
            assert "--port" in taken


def refused(*arguments: str) -> str:
    ended = subprocess.run([*TRUNKLINE, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_demo_core_stays_at_home(tmp_path: Path) -> None:
    assert "passwords that everybody knows" in refused("core", "--demo", "--host=0.0.0.0", f"--data-dir={tmp_path}")
    assert not os.listdir(tmp_path)


def test_an_unknown_transport_is_named_with_those_there_are() -> None:
    said = refused("transport", "zigbee")
    assert "zigbee" in said and "mqtt" in said


@pytest.mark.parametrize(
    ("part", "line"),
    [
        (["core"], "TRUNKLINE_CORE_GRPC_PORT=9090"),
        (["facade"], "TRUNKLINE_FACADE_PORT=8080"),
        (["transport", "mqtt"], "TRUNKLINE_MQTT_PORT=1883"),
        (["transport", "mqtt"], "TRUNKLINE_WORKER_METRICS_PORT=9466"),
    ],
)
def test_print_settings(part: list[str], line: str) -> None:
    ended = subprocess.run([*TRUNKLINE, *part, "--print-settings"], capture_output=True, text=True, check=True)
    assert f"\n{line}\n" in ended.stdout
