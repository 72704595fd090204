import asyncio
import os
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest
from system.runners import Served
from typer.testing import CliRunner

from trunkline.cli.main import INTERRUPTED, ONE_GRPC_THREAD, app

SUBCOMMANDS = (
    *("serve", "core", "facade", "transport"),
    *("call", "simulate", "login", "logout", "whoami"),
    *("device", "import", "user", "customer", "tenant"),
)


def trunkline(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "trunkline.cli.main", *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    for name in SUBCOMMANDS:
        assert name in shown.output
        assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"trunkline {version('trunkline')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["call", "only-a-device"],
        ["call", "a", "b", "--timeout-ms=0"],
        ["simulate", "0"],
        ["simulate", "2", "--access-token=A"],
        ["simulate", "1", "--qos=2"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_told_before_anything_happens(arguments: list[str]) -> None:
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 2
    assert "Traceback" not in shown.output


def test_a_command_that_cannot_go_on_says_why_in_one_line() -> None:
    ended = trunkline("call", "device", "method", "{not json")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("trunkline: PARAMS is not JSON")
    assert ended.stderr.count("\n") == 1


def test_call_reads_params_from_standard_input_and_url_and_token_from_the_environment(
    demo: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_URL", demo.rest)
    ended = trunkline("call", "Test Device B1", "setGpio", "-", "--fail-fast", given='{"pin": 7}')
    assert ended.returncode == 1
    assert ended.stderr.startswith("failed: DEVICE_OFFLINE")
    monkeypatch.setenv("TRUNKLINE_TOKEN", "wrong")
    assert "HTTP 401" in trunkline("call", "Test Device B1", "setGpio").stderr


def test_calling_needs_none_of_the_servers_libraries() -> None:
    code = "import sys, trunkline.cli.main, trunkline.cli.call; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"grpc", "fastapi", "sqlalchemy"} & set(ended.stdout.split())


def test_grpc_is_told_before_anybody_imports_it() -> None:
    code = (
        "import os, sys; from trunkline.cli.main import main; sys.argv = ['trunkline', '--version']\n"
        "try: main()\n"
        "except SystemExit: print(os.environ['GRPC_EXPERIMENTS'], 'grpc' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_EXPERIMENTS"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.splitlines()[-1] == f"{ONE_GRPC_THREAD} False"


@pytest.mark.parametrize(
    ("typed", "said"),
    [("trunkline dev", "device"), ("trunkline device cr", "credentials"), ("trunkline call --one", "--oneway")],
)
def test_the_tab_key_completes_commands_and_options(typed: str, said: str) -> None:
    completing = {"_TRUNKLINE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    code = "import sys; from trunkline.cli.main import app; app(prog_name='trunkline')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **completing}, timeout=60
    )
    assert said in done.stdout.splitlines()


async def test_ctrl_c_ends_a_command_without_a_word() -> None:
    asked = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()  # to the end of the connection
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server, asyncio.timeout(60):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        command = [sys.executable, "-m", "trunkline.cli.main", "whoami", "--url", url]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        await asked.wait()
        process.send_signal(signal.SIGINT)
        said, _ = await process.communicate()
    assert (process.returncode, said) == (INTERRUPTED, b"")
