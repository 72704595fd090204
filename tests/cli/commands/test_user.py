import re
from urllib.parse import urlsplit

import pytest
from cli.conftest import Typed
from system.runners import Served

SYSADMIN = ("--user=sysadmin@thingsboard.org", "--password=sysadmin")

pytestmark = pytest.mark.usefixtures("at_demo")


def whoami(typed: Typed, email: str, password: str) -> int:
    return typed("whoami", f"--user={email}", f"--password={password}").code


def test_a_new_user_gets_a_link(typed: Typed, demo: Served) -> None:
    made = typed("user", "create", "link@example.com", "--customer=Customer A", "--first-name=Li", "--last-name=Nk")
    assert made.code == 0
    assert "For 24 hours" in made.err
    assert urlsplit(made.out.strip()).path == "/api/noauth/activate"
    assert typed("user", "activation-link", "link@example.com").out == made.out
    assert typed("user", "activation-link", "link@example.com", "--json").json == {"activationLink": made.out.strip()}
    shown = typed("user", "show", "link@example.com").out
    for line in ("Role +customer's user", "Name +Li Nk", "Activated +no", "Enabled +no", r"Customer +\S{36}"):
        assert re.search(f"^{line}$", shown, re.MULTILINE), shown
    refused = typed("user", "activate", made.out.strip(), "--password-stdin", given="short\n")
    assert "6 or more characters" in refused.err
    activate = ("user", "activate", made.out.strip(), "--password-stdin")
    assert typed(*activate, given="my own words\n").err == "The password is set: go on with `trunkline login`.\n"
    assert whoami(typed, "link@example.com", "my own words") == 0
    assert typed(*activate, given="another one\n").code == 1
    assert "already activated" in typed("user", "activation-link", "link@example.com").err
    assert typed("user", "delete", "link@example.com", "--yes").err == "link@example.com is deleted.\n"


def test_a_password_is_made_up_and_works(typed: Typed) -> None:
    made = typed("user", "create", "made-up@example.com", "--generate-password")
    assert "shown only this once" in made.err
    assert whoami(typed, "made-up@example.com", made.out.strip()) == 0
    both = typed("user", "create", "made-up2@example.com", "--generate-password", "--json").json
    assert whoami(typed, "made-up2@example.com", both["password"]) == 0


def test_a_password_is_given_and_not_repeated(typed: Typed) -> None:
    made = typed("user", "create", "given@example.com", "--password-stdin", given="my own words\n")
    assert (made.code, made.out) == (0, "")
    assert "my own words" not in made.err
    assert whoami(typed, "given@example.com", "my own words") == 0


@pytest.mark.parametrize("password", ["short", "", "  "])
def test_a_password_that_is_refused_leaves_no_user_behind(password: str, typed: Typed) -> None:
    refused = typed("user", "create", "short@example.com", "--password-stdin", given=f"{password}\n")
    assert (refused.code, refused.out) == (1, "")
    assert typed("user", "show", "short@example.com").err == "trunkline: There is no user short@example.com.\n"


def test_a_user_is_disabled_and_enabled(typed: Typed) -> None:
    typed("user", "create", "away@example.com", "--password-stdin", given="my own words\n")
    assert typed("user", "disable", "away@example.com").err == "away@example.com is disabled.\n"
    assert whoami(typed, "away@example.com", "my own words") == 1
    assert typed("user", "enable", "away@example.com", "--json").json["additionalInfo"]["userCredentialsEnabled"]
    assert whoami(typed, "away@example.com", "my own words") == 0


def test_lists(typed: Typed) -> None:
    shown = typed("user", "list").out
    assert re.match("E-MAIL +ROLE +NAME +ID\n", shown)
    assert re.search(r"^tenant@thingsboard\.org +tenant administrator +\S{36}$", shown, re.MULTILINE)
    of_customer = typed("user", "list", "--customer=Customer A", "--json").json
    assert "customer@thingsboard.org" in {user["email"] for user in of_customer}
    assert "tenant@thingsboard.org" not in {user["email"] for user in of_customer}


def test_the_system_administrator_looks_after_tenants_administrators(typed: Typed) -> None:
    typed("tenant", "create", "New branch", *SYSADMIN)
    password = "my own words"
    new = ("--tenant=New branch", "--password-stdin")
    assert typed("user", "create", "branch@example.com", *new, *SYSADMIN, given=f"{password}\n").code == 0
    assert whoami(typed, "branch@example.com", password) == 0
    assert typed("user", "show", "branch@example.com", *SYSADMIN).code == 0
    listed = typed("user", "list", "--tenant=New branch", "--json", *SYSADMIN).json
    assert [user["email"] for user in listed] == ["branch@example.com"]
    assert {"branch@example.com", "tenant2@thingsboard.org"} <= {
        user["email"] for user in typed("user", "list", "--json", *SYSADMIN).json
    }
    assert typed("user", "create", "nowhere@example.com", *SYSADMIN).code == 1


@pytest.mark.parametrize("link", ["", "token", "http://127.0.0.1:1/api/noauth/activate", "?activateToken=T"])
def test_what_is_no_activation_link(link: str, typed: Typed) -> None:
    refused = typed("user", "activate", link, "--password-stdin", given="my own words\n")
    assert (refused.code, refused.out) == (1, "")
    assert "This is no activation link" in refused.err


def test_wrong_usage(typed: Typed) -> None:
    assert typed("user", "create", "x@example.com", "--password-stdin", "--generate-password").code == 2
    assert "already present" in typed("user", "create", "tenant@thingsboard.org").err
    assert "--yes" in typed("user", "delete", "tenant@thingsboard.org").err
    assert typed("user", "show", "nobody@example.com").code == 1
