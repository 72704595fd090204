import json
from pathlib import Path

import httpx
import pytest
from cli.conftest import Typed
from system.runners import Served

TENANT = "tenant@thingsboard.org"


def logins(config_home: Path) -> Path:
    return config_home / "trunkline" / "logins.json"


def test_commands_go_on_as_whoever_logged_in(typed: Typed, demo: Served, config_home: Path) -> None:
    done = typed("login", "customer@thingsboard.org", "--password-stdin", "--url", demo.rest, given="customer\n")
    assert done.err == f"Logged in at {demo.rest} as customer@thingsboard.org, customer's user.\n"
    me = typed("whoami")  # at the server of the last login
    assert f"Server    {demo.rest}\n" in me.out
    assert "customer@thingsboard.org" in me.out
    assert typed("whoami", "--json", "--url", f"{demo.rest}/").json["email"] == "customer@thingsboard.org"

    given = typed("whoami", "--json", "--user", TENANT, "--password", "tenant").json
    assert given["email"] == TENANT
    mine = typed("whoami", "--json", "--user", "customer@thingsboard.org").json
    assert mine["email"] == "customer@thingsboard.org"
    assert "Who is calling" in typed("whoami", "--user", TENANT).err


def test_a_token_goes_before_a_login(typed: Typed, demo: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("login", "customer@thingsboard.org", "--password=customer", "--url", demo.rest)
    credentials = {"username": TENANT, "password": "tenant"}
    token = httpx.post(f"{demo.rest}/api/auth/login", json=credentials, trust_env=False).json()["token"]
    assert typed("whoami", "--json", "--token", token).json["email"] == TENANT
    monkeypatch.setenv("TRUNKLINE_TOKEN", f" {token}\n")
    assert typed("whoami", "--json").json["email"] == TENANT
    monkeypatch.setenv("TRUNKLINE_TOKEN", "ünknown")
    assert "This is no token" in typed("whoami").err


def test_logging_out_ends_the_session_there_and_here(typed: Typed, demo: Served, config_home: Path) -> None:
    typed("login", TENANT, "--password=tenant", "--url", demo.rest)
    token = json.loads(logins(config_home).read_text())["logins"][demo.rest]["tokens"]["access"]
    assert typed("logout").err == f"Logged out at {demo.rest}.\n"
    assert "HTTP 401" in typed("whoami", "--url", demo.rest, "--token", token).err
    assert token not in logins(config_home).read_text()
    assert "Nobody is logged in" in typed("logout", "--url", demo.rest).err


def test_a_server_that_is_gone_is_logged_out_of_all_the_same(typed: Typed, demo: Served, config_home: Path) -> None:
    typed("login", TENANT, "--password=tenant", "--url", demo.rest)
    text = logins(config_home).read_text().replace(demo.rest, "http://127.0.0.1:1")
    logins(config_home).write_text(text)
    done = typed("logout")
    assert (done.code, done.err.splitlines()[1]) == (0, "Logged out at http://127.0.0.1:1.")
    assert "could not be told" in done.err


def test_a_wrong_password_keeps_nothing(typed: Typed, demo: Served, config_home: Path) -> None:
    refused = typed("login", TENANT, "--password-stdin", "--url", demo.rest, given="wrong\n")
    assert (refused.code, refused.out) == (1, "")
    assert "Invalid username or password" in refused.err
    assert not logins(config_home).exists()


def test_the_password_is_asked_for_only_at_a_terminal(typed: Typed, demo: Served) -> None:
    assert "--password-stdin" in typed("login", TENANT, "--url", demo.rest, given="tenant\n").err
