"""`trunkline user` on a real data directory, and a real core on it before and after."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import grpc
import grpc.aio
import pytest
from system.runners import Served, running

from trunkline.client.client import Client
from trunkline.v1.identity_service_pb2 import GetSelfRequest, LoginRequest

TENANT = "tenant@thingsboard.org"
TRUNKLINE = [sys.executable, "-m", "trunkline.cli.main"]
RESET = [*TRUNKLINE, "user", "reset-password"]


def core(data_dir: Path, *options: str) -> list[str]:
    return [*TRUNKLINE, "core", "--grpc-port=0", "--metrics-port=0", f"--data-dir={data_dir}", *options]


def reset(*options: str, given: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    return run([*RESET, *options], given, environment)


def run(
    command: list[str], given: str = "", environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    ended = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    return ended


def first_password(served: Served) -> str:
    """The one that an installation's first start printed for the tenant's administrator."""
    found = re.search(rf"^  {TENANT} +(\S+)$", "".join(served.output), re.MULTILINE)
    assert found is not None
    return found[1]


async def token(served: Served, password: str) -> str:
    """An access token; empty if the password is wrong."""
    async with Client.connect(served.grpc) as client:
        try:
            answer = await client.identity.Login(LoginRequest(email=TENANT, password=password), timeout=10)
        except grpc.aio.AioRpcError as refused:
            assert refused.code() == grpc.StatusCode.UNAUTHENTICATED
            return ""
        return answer.tokens.access_token


async def test_a_lost_password_is_replaced(tmp_path: Path) -> None:
    data_dir = f"--data-dir={tmp_path}"
    with running(core(tmp_path), {}) as served:
        lost = first_password(served)
        old_token = await token(served, lost)
        assert old_token
        refused = reset(TENANT, data_dir)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"in use by process {served.process.pid}" in refused.stderr

    generated = reset(TENANT, data_dir)
    assert generated.returncode == 0
    assert "shown only this once" in generated.stderr
    new = generated.stdout.removesuffix("\n")
    assert re.fullmatch(r"\S{16}", new)
    with running(core(tmp_path), {}) as served:
        assert not await token(served, lost)
        assert await token(served, new)
        async with Client.connect(served.grpc, token=old_token) as client:
            with pytest.raises(grpc.aio.AioRpcError, match="Token has expired"):
                await client.identity.GetSelf(GetSelfRequest(), timeout=10)

    given = reset(TENANT, "--password-stdin", given="my own words\n", TRUNKLINE_DATA_DIR=str(tmp_path))
    assert (given.returncode, given.stdout) == (0, "")
    asked = ask(data_dir, "as typed\nas typed\n")
    assert "has its new password" in asked
    assert "as typed" not in asked
    assert "two different passwords" in ask(data_dir, "as typed\nas tiped\n")
    with running(core(tmp_path), {}) as served:
        assert not await token(served, "my own words")
        assert await token(served, "as typed")


def ask(data_dir: str, typed: str) -> str:
    """What a terminal shows of `--ask` while this is typed into it."""
    ours, theirs = pty.openpty()
    shown = b""
    lines = iter(typed.splitlines(keepends=True))
    command = [*RESET, TENANT, "--ask", data_dir]
    # In a session of its own, so that it asks at this terminal instead of the one that the tests run at.
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True):
        os.close(theirs)
        try:
            while more := os.read(ours, 1024):
                shown += more
                if more.rstrip().endswith((b"password:", b"again:")):
                    os.write(ours, next(lines).encode())
        except OSError:  # how a terminal says that nobody is left
            pass
    os.close(ours)
    return shown.decode()


def test_what_cannot_be_done_is_said_and_changes_nothing(tmp_path: Path) -> None:
    absent = reset(TENANT, f"--data-dir={tmp_path / 'absent'}")
    assert absent.returncode == 1
    assert "no installation in" in absent.stderr
    assert not (tmp_path / "absent").exists()
    with running(core(tmp_path), {}):
        pass
    data_dir = f"--data-dir={tmp_path}"
    assert "There is no user 'nobody'" in reset("nobody", data_dir).stderr
    assert "cannot be blank" in reset(TENANT, data_dir, "--password-stdin", given=" \n").stderr
    assert "--ask" in reset(TENANT, data_dir, "--password-stdin", "--ask").stderr


async def test_a_demos_directory_is_served_to_others_only_with_passwords_of_its_own(tmp_path: Path) -> None:
    with running(core(tmp_path, "--demo"), {}):
        pass
    with running(core(tmp_path), {}) as served:
        assert await token(served, "tenant")
    assert sum("demo_left_over" in line for line in served.output) == 1

    public = core(tmp_path, "--host=0.0.0.0")
    emails = re.findall(r"\S+@thingsboard\.org", run(public).stderr)
    assert len(emails) == 4
    for email in emails:
        assert reset(email, f"--data-dir={tmp_path}").returncode == 0
    with running(public, {}) as served:
        assert not await token(served, "tenant")
