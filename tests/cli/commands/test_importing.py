import re
from pathlib import Path

import pytest
from cli.conftest import Typed
from system.runners import Served

pytestmark = pytest.mark.usefixtures("at_demo")

CSV = """name,type,token,customer
From a file 1,pump,FILE_1,Customer A
From a file 2,pump,A1_TEST_TOKEN,
Test Device A1,,,
"""


def test_a_file(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_text(CSV)
    dry = typed("import", str(file), "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert re.fullmatch("Would be created +2\nThere already +1\nFailed +0\n", dry.out)
    done = typed("import", str(file))
    assert done.code == 1
    assert re.fullmatch("Created +1\nThere already +1\nFailed +1\n", done.out)
    assert re.match("From a file 2: .*already assigned to another device", done.err)
    file.write_text(CSV.replace("A1_TEST_TOKEN", "FILE_2"))
    again = typed("import", str(file), "--json").json
    assert again == {"dryRun": False, "created": 1, "existing": 2, "customers": [], "failed": [], "ended": None}
    assert typed("device", "show", "From a file 1", "--json").json["customerTitle"] == "Customer A"
    assert "FILE_2" in typed("device", "credentials", "From a file 2", "--show").out


def test_standard_input(typed: Typed) -> None:
    assert typed("import", "-", "--json", given="name\nFrom standard input\n").json["created"] == 1


def test_another_server(typed: Typed, other: Served) -> None:
    there = ("--url", other.rest)
    typed("customer", "create", "Moved", *there)
    typed("device", "create", "Moved 1", "--customer=Moved", "--type=pump", "--access-token=MOVED_1", *there)
    typed("device", "create", "Moved 2", "--mqtt-user-name=moved", "--mqtt-password=secret", *there)
    given = ("--from", other.rest, "--from-user=tenant@thingsboard.org", "--from-password=tenant")
    planned = typed("import", "--dry-run", "--json", *given).json
    done = typed("import", "--json", *given).json
    assert {**done, "dryRun": True} == planned
    assert (done["failed"], done["ended"]) == ([], None)
    assert "Moved" in done["customers"]
    assert typed("import", "--json", *given).json["created"] == 0

    moved = typed("device", "show", "Moved 1", "--json").json
    assert (moved["type"], moved["customerTitle"]) == ("pump", "Moved")
    for name in ("Moved 1", "Moved 2"):
        here = typed("device", "credentials", name, "--json").json
        original = typed("device", "credentials", name, "--json", *there).json
        for field in ("credentialsType", "credentialsId", "credentialsValue"):
            assert here[field] == original[field]


def test_a_stored_login_opens_the_other_server(typed: Typed, other: Served) -> None:
    typed("login", "tenant2@thingsboard.org", "--password=tenant2", "--url", other.rest)
    names = {device["name"] for device in typed("device", "list", "--json").json}
    planned = typed("import", "--from", other.rest, "--dry-run", "--json")
    assert planned.json["created"] + planned.json["existing"] == 1
    assert names == {device["name"] for device in typed("device", "list", "--json").json}


@pytest.mark.parametrize("arguments", [[], ["devices.csv", "--from=http://127.0.0.1:1"]])
def test_one_source(arguments: list[str], typed: Typed) -> None:
    assert typed("import", *arguments).code == 2


def test_files_that_cannot_be_used(typed: Typed, tmp_path: Path) -> None:
    assert "cannot be read: No such file" in typed("import", str(tmp_path / "absent.csv")).err
    (tmp_path / "latin.csv").write_bytes("name\nKühlung\n".encode("latin-1"))
    assert "is not UTF-8" in typed("import", str(tmp_path / "latin.csv")).err
    unknown = typed("import", "-", given="name,rack\nNever made,1\n")
    assert "'rack'" in unknown.err
    assert (
        typed("import", "-", "--ignore-unknown", "--dry-run", "--json", given="name,rack\nA,1\n").json["created"] == 1
    )
    assert typed("device", "show", "Never made").code == 1


def test_a_server_that_is_not_there(typed: Typed) -> None:
    ended = typed("import", "--from=http://127.0.0.1:1", "--from-token=t")
    assert ended.code == 1
    assert re.search("It broke off: http://127.0.0.1:1 cannot be reached", ended.err)
    refused = typed("import", "--from=http://127.0.0.1:1", "--from-user=u")
    assert "give it with --from-password" in refused.err
