"""`trunkline serve` as a process: how it starts, refuses to start, keeps its parts alive and ends."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from doubles.postgres_server import PostgresServer
from system.runners import FREE_PORTS, Served, running, serve

TRUNKLINE = [sys.executable, "-m", "trunkline.cli.main"]
WAIT_S = 30.0


def command(data_dir: Path, *options: str) -> list[str]:
    return [*TRUNKLINE, "serve", *FREE_PORTS, f"--data-dir={data_dir}", *options]


def refused(*options: str, **environment: str) -> str:
    """What a `serve` that cannot start says."""
    ended = subprocess.run(
        [*TRUNKLINE, "serve", *options],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    return ended.stderr


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    data_dir = tmp_path_factory.mktemp("parts")
    with serve("parts", data_dir) as served:
        yield served, data_dir


def children(served: Served) -> dict[str, psutil.Process]:
    """The parts' processes by name."""
    return {child.cmdline()[-1]: child for child in psutil.Process(served.process.pid).children()}


def new_lines(served: Served, pattern: str, seen: int) -> bool:
    """Whether a line of the output from `seen` on matches."""
    return any(re.search(pattern, line) for line in served.output[seen:])


def test_three_children_and_everything_answers(parts: tuple[Served, Path]) -> None:
    served, _ = parts
    assert set(children(served)) == {"core", "mqtt", "facade"}
    assert httpx.get(f"{served.rest}/readyz", trust_env=False).status_code == 200
    for url in served.urls["metrics"].split(","):
        assert "trunkline_" in httpx.get(url, trust_env=False).text
    assert len(served.urls["metrics"].split(",")) == 3


def test_a_demo_shows_its_accounts_and_a_first_command(parts: tuple[Served, Path]) -> None:
    text = "".join(parts[0].output)
    assert "  tenant@thingsboard.org    tenant\n" in text
    assert f"trunkline call --url {parts[0].rest} 'Test Device A1'" in text


def test_logs_tell_which_part_wrote_them(parts: tuple[Served, Path]) -> None:
    text = "".join(parts[0].output)
    assert re.search(r"^core   \| .*core_started", text, re.MULTILINE)
    assert re.search(r"^mqtt   \| .*worker_started", text, re.MULTILINE)
    assert re.search(r"^facade \| .*facade_started", text, re.MULTILINE)


def test_a_second_serve_on_the_same_directory_is_refused(parts: tuple[Served, Path]) -> None:
    served, data_dir = parts
    assert f"in use by process {served.process.pid}" in refused(f"--data-dir={data_dir}", *FREE_PORTS)


def test_a_taken_port_is_named_with_option_and_owner(parts: tuple[Served, Path], tmp_path: Path) -> None:
    port = parts[0].mqtt_port
    said = refused(f"--data-dir={tmp_path}", *FREE_PORTS, f"--mqtt-port={port}")
    assert f"Port {port} is already used by" in said
    assert f"(process {children(parts[0])['mqtt'].pid})" in said
    assert "--mqtt-port" in said


@pytest.mark.parametrize("name", ["mqtt", "facade", "core"])
def test_a_killed_part_comes_back_at_the_same_address(parts: tuple[Served, Path], name: str) -> None:
    served, _ = parts
    before = children(served)[name]
    pidfd = os.pidfd_open(served.process.pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    seen = len(served.output)
    before.kill()
    try:
        for _ in range(int(WAIT_S * 20)):
            assert not poll.poll(50), "serve ended"  # waits 50 ms
            if new_lines(served, rf"^{name} +\| .*(core|worker|facade)_started", seen):
                break
        after = children(served)[name]
        assert after.pid != before.pid
        assert new_lines(served, rf"part_ended.*{name}", seen)
        assert httpx.get(f"{served.rest}/livez", trust_env=False).status_code == 200
    finally:
        os.close(pidfd)


def test_demo_on_a_public_address_is_refused() -> None:
    said = refused("--demo", "--host=0.0.0.0")
    assert "passwords that everybody knows" in said
    assert "without --demo" in said


def test_a_bad_variable_is_named() -> None:
    assert "TRUNKLINE_HTTP_PORT" in refused(TRUNKLINE_HTTP_PORT="many")
    assert "TRUNKLINE_FACADE_DRAIN_GRACE_S" in refused(*FREE_PORTS, TRUNKLINE_FACADE_DRAIN_GRACE_S="soon")


def test_a_part_that_cannot_start_ends_serve_with_its_reason(tmp_path: Path) -> None:
    said = refused(
        *FREE_PORTS, f"--data-dir={tmp_path}", TRUNKLINE_CORE_DATABASE=f"sqlite+aiosqlite:///{tmp_path}/no/db"
    )
    assert re.search(r"^core   \| ", said, re.MULTILINE)
    assert "core ended before it was ready" in said


@pytest.mark.needs("postgres")
def test_one_server_keeps_all_on_a_postgresql_whose_password_nobody_sees(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    name = asyncio.run(postgres.make_database(migrated=False))
    database = postgres.url(name).replace("@", ":secret@", 1)
    with serve("parts", tmp_path / "first", TRUNKLINE_DATABASE=database) as served:
        assert httpx.get(f"{served.rest}/readyz", trust_env=False).status_code == 200
        said = refused("--demo", *FREE_PORTS, f"--data-dir={tmp_path / 'second'}", TRUNKLINE_DATABASE=database)
        assert "Another core uses this database: trunkline core, process" in said
        family = [psutil.Process(served.process.pid), *children(served).values()]
        told = [*served.output, said, *(word for process in family for word in process.cmdline())]
    assert re.search(rf"database_opened .*/{name}\W", "".join(served.output))
    assert "secret" not in "".join(told)
    assert not (tmp_path / "first" / "trunkline.db").exists()
    asked = postgres.execute("SELECT name FROM devices WHERE name = 'Test Device A1'", database=name)
    assert len(asyncio.run(asked)) == 1
    asyncio.run(postgres.drop_database(name))


def test_a_first_start_prints_generated_accounts_once(tmp_path: Path) -> None:
    with running(command(tmp_path), {}) as served:
        pass
    told = re.findall(r"^  (\S+@\S+)  +(\S+)$", "".join(served.output), re.MULTILINE)
    assert {email for email, _ in told} == {"sysadmin@thingsboard.org", "tenant@thingsboard.org"}
    assert "shown only this once" in "".join(served.output)
    with running(command(tmp_path), {}) as served:
        login = dict(zip(("username", "password"), told[0], strict=True))
        assert httpx.post(f"{served.rest}/api/auth/login", json=login, trust_env=False).status_code == 200
    assert "shown only this once" not in "".join(served.output)
    assert told[0][1] not in "".join(served.output)


@pytest.mark.parametrize(("layout", "number"), [("parts", signal.SIGTERM), ("one", signal.SIGINT)])
def test_a_signal_ends_everything_well(tmp_path: Path, layout: str, number: signal.Signals) -> None:
    with serve(layout, tmp_path) as served:
        pids = [child.pid for child in psutil.Process(served.process.pid).children()]
        served.process.send_signal(number)
        assert served.process.wait(WAIT_S) == 0
    assert "Traceback" not in "".join(served.output)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_sigkill_leaves_no_child_and_a_new_start_works_at_once(tmp_path: Path) -> None:
    with serve("parts", tmp_path) as served:
        pidfds = [os.pidfd_open(child.pid) for child in children(served).values()]
        served.process.kill()
        served.process.wait()
        for pidfd in pidfds:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            assert poll.poll(WAIT_S * 1000), "a child lives on"
            os.close(pidfd)
    with serve("parts", tmp_path) as served:
        assert httpx.get(f"{served.rest}/readyz", trust_env=False).status_code == 200


def test_print_settings_names_the_settings_of_every_part_and_starts_nothing() -> None:
    ended = subprocess.run(
        [*TRUNKLINE, "serve", "--print-settings", "--mqtt-port=1234"], capture_output=True, text=True, check=True
    )
    assert "# MQTT port.\nTRUNKLINE_MQTT_PORT=1234\n" in ended.stdout
    for name in ("CORE_GRPC_PORT=9090", "FACADE_PORT=8080", "WORKER_METRICS_PORT=9466", "DATA_DIR=.trunkline"):
        assert f"\nTRUNKLINE_{name}\n" in ended.stdout
    assert "# None" not in ended.stdout
