import asyncio
import json
import signal
import subprocess
import sys
import time

import pytest
from system.runners import Served
from typer.testing import CliRunner

from trunkline.cli.call import CallRequest
from trunkline.cli.login import Login
from trunkline.cli.main import app
from trunkline.cli.rest import Rest


@pytest.mark.parametrize(
    ("options", "cause", "reply"),
    [
        (["--behaviour=gpio"], "", {"pin": 7, "value": 1}),
        (["-b", "wrong"], "REPLY_NOT_JSON", None),
        (["-b", "slow", "--delay-ms=20"], "", {"method": "setGpio", "params": {"pin": 7, "value": 1}}),
        (["--silent"], "NO_REPLY", None),
    ],
)
async def test_devices_behave(demo: Served, options: list[str], cause: str, reply: object) -> None:
    command = [sys.executable, "-m", "trunkline.cli.main", "simulate", "1", "--access-token=B1_TEST_TOKEN"]
    process = await asyncio.create_subprocess_exec(
        *command, f"--mqtt-port={demo.mqtt_port}", *options, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while not (await process.stdout.readline()).startswith(b"1 devices connected"):
            assert process.returncode is None
        async with Rest(demo.rest, Login()) as rest:
            device_id = await rest.device_id("Test Device B1")
            call = CallRequest("", "setGpio", b'{"pin":7,"value":1}', timeout_ms=1_000)
            body = call.body(time.time_ns() // 1_000_000)
            answer = await rest.call(device_id, body, oneway=False, wait_s=10)
        process.send_signal(signal.SIGTERM)
        await process.wait()
    assert answer.cause == cause
    assert (json.loads(answer.body) if answer.body else None) == reply


@pytest.mark.parametrize(
    "arguments",
    [["0"], ["2", "--access-token=A"], ["1", "--qos=2"], ["1", "--behaviour=loud"], ["1", "--delay-ms=-1"]],
)
def test_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["simulate", *arguments]).exit_code == 2
