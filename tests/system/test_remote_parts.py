"""Core, facade and worker as on three machines: each its own data directory, TLS between them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from doubles.certificates import make_certificate
from system.paho_device import paho_device
from system.rest_caller import rest_caller
from system.runners import Served, running

from trunkline.client.client import Client
from trunkline.v1.identity_service_pb2 import LoginRequest

CALL = {"method": "setGpio", "params": {"pin": 7}, "timeout": 20_000}


@dataclass
class EncryptedCore:
    """A core on its machine, and what an operator carries to the others."""

    core: Served
    certificate: Path
    secret: Path

    @property
    def port(self) -> str:
        return self.core.grpc.rpartition(":")[2]

    def settings(self, part: str, **changed: str) -> dict[str, str]:
        """The environment of a part (FACADE, WORKER) elsewhere."""
        values = {
            "CORE_TARGET": f"localhost:{self.port}",
            "CORE_CA_FILE": str(self.certificate),
            "PART_SECRET_FILE": str(self.secret),
        }
        return {f"TRUNKLINE_{part}_{name}": value for name, value in (values | changed).items()}


def command(*words: str, data_dir: Path) -> list[str]:
    return [sys.executable, "-m", "trunkline.cli.main", *words, "--metrics-port=0", f"--data-dir={data_dir}"]


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EncryptedCore]:
    """A demo core that serves TLS."""
    core_dir, carried = tmp_path_factory.mktemp("core"), tmp_path_factory.mktemp("carried")
    certificate, key = make_certificate(carried)
    tls = {"TRUNKLINE_CORE_TLS_CERTIFICATE": str(certificate), "TRUNKLINE_CORE_TLS_KEY": str(key)}
    with running(command("core", "--demo", "--grpc-port=0", data_dir=core_dir), tls) as core:
        yield EncryptedCore(core, certificate, Path(shutil.copy(core_dir / "part-secret", carried / "secret")))


def test_a_call_crosses_three_machines(encrypted: EncryptedCore, tmp_path: Path) -> None:
    mqtt = command("transport", "mqtt", "--port=0", data_dir=tmp_path / "worker")
    rest = command("facade", "--http-port=0", data_dir=tmp_path / "facade")
    with (
        running(mqtt, encrypted.settings("WORKER")) as worker,
        running(rest, encrypted.settings("FACADE")) as facade,
        rest_caller(facade.rest) as tenant,
        paho_device(worker.mqtt_port, "A1_TEST_TOKEN"),
    ):
        answer = tenant.twoway(tenant.device_id("Test Device A1"), CALL)
        assert (answer.status_code, answer.json()) == (200, {"did": "setGpio", "with": {"pin": 7}})


def test_a_wrong_secret_ends_the_part(encrypted: EncryptedCore, tmp_path: Path) -> None:
    wrong = tmp_path / "secret"
    wrong.write_text("00" * 32)
    ended = subprocess.run(
        command("facade", "--http-port=0", data_dir=tmp_path),
        env={**os.environ, **encrypted.settings("FACADE", PART_SECRET_FILE=str(wrong))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "This is not the installation's secret" in ended.stderr


async def test_backends_use_the_same_port(encrypted: EncryptedCore) -> None:
    credentials = grpc.ssl_channel_credentials(encrypted.certificate.read_bytes())
    async with Client.connect(f"localhost:{encrypted.port}", credentials=credentials) as client:
        login = LoginRequest(email="tenant@thingsboard.org", password="tenant")
        assert (await client.identity.Login(login, timeout=10)).tokens.access_token


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"TLS_CERTIFICATE": "core.pem"}, "are set together or not at all"),
        ({"TLS_CERTIFICATE": "core.pem", "TLS_KEY": "core-key.pem"}, "there is no file core.pem to serve TLS with"),
    ],
)
def test_a_core_without_its_certificate_says_so(settings: dict[str, str], problem: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        command("core", "--grpc-port=0", data_dir=tmp_path),
        env={**os.environ, **{f"TRUNKLINE_CORE_{name}": value for name, value in settings.items()}},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert problem in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_core_that_others_reach_in_the_clear_warns(tmp_path: Path) -> None:
    with running(command("core", "--grpc-port=0", "--host=0.0.0.0", data_dir=tmp_path), {}) as core:
        pass
    assert "grpc_not_encrypted" in "".join(core.output)
