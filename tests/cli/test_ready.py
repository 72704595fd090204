import shlex
import sys
from pathlib import Path

import pytest

from trunkline.cli.ready import Facts, at, command, text

URLS = {
    "grpc": "127.0.0.1:9090",
    "metrics": "http://127.0.0.1:9464/metrics",
    "mqtt": "mqtt://127.0.0.1:1883",
    "rest": "http://127.0.0.1:8080",
    "docs": "http://127.0.0.1:8080/docs",
}


def test_one_line_for_programs_comes_first() -> None:
    assert text(Facts(URLS), demo=False) == (
        "ready rest=http://127.0.0.1:8080 docs=http://127.0.0.1:8080/docs mqtt=mqtt://127.0.0.1:1883 "
        "grpc=127.0.0.1:9090 metrics=http://127.0.0.1:9464/metrics\n"
    )


def test_parts_tell_their_facts_together() -> None:
    core = Facts({"grpc": "g", "metrics": "m1"}, [("a@b.c", "x")])
    both = core | Facts({"rest": "r", "metrics": "m2"})
    assert both == Facts({"grpc": "g", "metrics": "m1,m2", "rest": "r"}, (("a@b.c", "x"),))
    assert core.urls == {"grpc": "g", "metrics": "m1"}


def test_a_transport_that_we_do_not_know_comes_last() -> None:
    assert text(Facts({"zigbee": "z", "grpc": "g"}), demo=False) == "ready grpc=g zigbee=z\n"


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `trunkline` on the path."""
    command = tmp_path / "trunkline"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return command


def test_commands_can_be_copied_whether_or_not_they_are_on_the_path(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command() == "trunkline"
    installed.rename(installed.with_name("other"))
    beside = Path(sys.executable).with_name("trunkline")
    monkeypatch.chdir("/")
    assert command() == (str(beside).lstrip("/") if beside.exists() else "trunkline")
    monkeypatch.chdir(installed.parent)
    assert command() == (str(beside) if beside.exists() else "trunkline")


def test_a_demo_shows_accounts_and_commands_to_copy() -> None:
    accounts = [("tenant@thingsboard.org", "tenant"), ("a@b.c", "secret")]
    lines = text(Facts(URLS, accounts), demo=True).splitlines()
    assert "Demo accounts:" in lines
    assert "  a@b.c                   secret" in lines
    simulate, call = (shlex.split(line) for line in lines[-2:])
    assert simulate == ["trunkline", "simulate", "1", "--access-token", "A1_TEST_TOKEN"]
    assert call == ["trunkline", "call", "Test Device A1", "setGpio", '{"pin": 7, "value": 1}']


def test_commands_name_ports_that_are_not_the_usual_ones() -> None:
    urls = URLS | {"rest": "http://127.0.0.1:8000", "mqtt": "mqtt://127.0.0.1:1000"}
    shown = text(Facts(urls), demo=True)
    assert "--mqtt-port 1000" in shown
    assert "--url http://127.0.0.1:8000" in shown


def test_generated_accounts_are_shown_as_such() -> None:
    shown = text(Facts(URLS, [("a@b.c", "x")]), demo=False)
    assert shown.endswith("\nAccounts, shown only this once:\n  a@b.c  x\n")


def test_a_part_alone_suggests_no_commands() -> None:
    assert "simulate" not in text(Facts({"grpc": "g"}), demo=True)


def test_addresses_that_one_can_go_to() -> None:
    assert at("0.0.0.0", 80) == at("127.0.0.1", 80) == "127.0.0.1:80"
    assert at("::", 80) == at("::1", 80) == "[::1]:80"
    assert at("example.test", 80) == "example.test:80"
