import json
import re
from pathlib import Path

import pytest
from cli.conftest import Typed
from doubles.certificates import make_certificate

from trunkline.cli.credentials import HIDDEN

pytestmark = pytest.mark.usefixtures("at_demo")

CUSTOMER = ("--user=customer@thingsboard.org", "--password=customer")


def test_the_life_of_a_device(typed: Typed) -> None:
    made = typed("device", "create", "Pump 7", "--type=pump", "--label=Cellar", "--customer=Customer A", "--gateway")
    assert made.code == 0
    assert re.fullmatch("[A-Za-z0-9]{20}\n", made.out)
    assert re.match(r"Pump 7 is registered, id \S{36}\.\nIts access token, made up:\n$", made.err)

    device = typed("device", "show", "Pump 7", "--json").json
    assert (device["type"], device["label"], device["customerTitle"]) == ("pump", "Cellar", "Customer A")
    shown = typed("device", "show", device["id"]["id"]).out
    for line in ("Name +Pump 7", "Customer +Customer A", "Gateway +yes", "Active +no", r"Created +\d{4}-\d\d-\d\d "):
        assert re.search(f"^{line}", shown, re.MULTILINE), shown

    assert typed("device", "unassign", "Pump 7").err == "Pump 7 is assigned to nobody.\n"
    again = typed("device", "unassign", "Pump 7")
    assert (again.code, again.out) == (1, "")
    assert "isn't assigned to any customer" in again.err
    assert typed("device", "assign", "Pump 7", "Customer A").err == "Pump 7 is assigned to Customer A.\n"
    assert typed("device", "assign", "Pump 7", "--public", "--json").json["name"] == "Pump 7"
    assert typed("device", "show", "Pump 7", "--json").json["customerIsPublic"]

    assert "Nobody can be asked" in typed("device", "delete", "Pump 7").err
    assert typed("device", "delete", "Pump 7", "--yes").err == "Pump 7 is deleted.\n"
    gone = typed("device", "show", "Pump 7")
    assert (gone.code, gone.err) == (1, 'trunkline: There is no device named "Pump 7".\n')


def test_lists(typed: Typed) -> None:
    shown = typed("device", "list", "--search=test device").out
    assert re.match(r"NAME +TYPE +LABEL +CUSTOMER +ACTIVE +ID\n", shown)
    assert re.search(r"^Test Device A1 +\S+ +Customer A +(yes|no) +\S{36}$", shown, re.MULTILINE)
    names = [device["name"] for device in typed("device", "list", "--search=Test", "--json").json]
    assert names == ["Test Device A1", "Test Device A2", "Test Device B1", "Test Gateway"]
    last = typed("device", "list", "--search=Test", "--descending", "--limit=1", "--json").json
    assert [device["name"] for device in last] == ["Test Gateway"]
    of_customer = {device["name"] for device in typed("device", "list", "--customer=Customer A", "--json").json}
    assert {"Test Device A1", "Test Device A2"} <= of_customer
    assert "Test Device B1" not in of_customer
    assert typed("device", "list", "--type=nothing has it", "--json").json == []


def test_a_customers_user_sees_the_customers_devices(typed: Typed) -> None:
    names = {device["name"] for device in typed("device", "list", "--json", *CUSTOMER).json}
    assert "Test Device A1" in names
    assert "Test Device B1" not in names
    assert typed("device", "show", "Test Device A1", *CUSTOMER).code == 0
    refused = typed("device", "delete", "Test Device A1", "--yes", *CUSTOMER)
    assert refused.code == 1
    assert "permission" in refused.err


def test_a_token_given_is_not_repeated(typed: Typed) -> None:
    made = typed("device", "create", "Given token", "--access-token=GIVEN_TOKEN")
    assert (made.code, made.out) == (0, "")
    both = typed("device", "create", "From stdin", "--access-token=-", "--json", given="STDIN_TOKEN\n").json
    assert (both["device"]["name"], both["credentials"]["credentialsId"]) == ("From stdin", "STDIN_TOKEN")
    taken = typed("device", "create", "Taken", "--access-token=GIVEN_TOKEN")
    assert (taken.code, taken.out) == (1, "")
    assert "already assigned to another device" in taken.err
    assert typed("device", "show", "Taken").code == 1


def test_credentials_are_shown_without_secrets_and_replaced(typed: Typed, tmp_path: Path) -> None:
    typed("device", "create", "Rotated", "--access-token=ROTATED_1")
    credentials = ("device", "credentials", "Rotated")
    assert typed(*credentials).out == f"Type          ACCESS_TOKEN\nAccess token  {HIDDEN}\n"
    assert "ROTATED_1" in typed(*credentials, "--show").out

    new = typed(*credentials, "--new-token")
    assert re.fullmatch("[A-Za-z0-9]{20}\n", new.out)
    assert "connections are closed" in new.err
    assert new.out.strip() in typed(*credentials, "--show").out

    replaced = typed(*credentials, "--mqtt-user-name=rotated", "--mqtt-password=-", given="pa55\n")
    assert re.search(rf"User name +rotated\nPassword +{re.escape(HIDDEN)}\n", replaced.out)
    value = json.loads(typed(*credentials, "--json").json["credentialsValue"])
    assert value == {"clientId": None, "userName": "rotated", "password": "pa55"}

    certificate = make_certificate(tmp_path)
    assert typed(*credentials, f"--certificate={certificate.certificate}").code == 0
    assert re.search("^Fingerprint +[0-9a-f]{64}$", typed(*credentials).out, re.MULTILINE)


def test_one_kind_of_credentials_at_a_time(typed: Typed, tmp_path: Path) -> None:
    for options in (
        ("--access-token=A", "--mqtt-user-name=u"),
        ("--access-token=A", f"--certificate={tmp_path}"),
        ("--mqtt-client-id=c", f"--certificate={tmp_path}"),
    ):
        assert "one kind of credentials" in typed("device", "create", "Never made", *options).err
    assert "need a client id" in typed("device", "create", "Never made", "--mqtt-password=p").err
    assert typed("device", "credentials", "Test Device B1", "--new-token", "--access-token=A").code == 2
    assert typed("device", "show", "Never made").code == 1


@pytest.mark.parametrize("arguments", [[], ["Customer A", "--public"]])
def test_a_device_is_assigned_to_one(arguments: list[str], typed: Typed) -> None:
    assert typed("device", "assign", "Test Device B1", *arguments).code == 2


def test_whom_nobody_knows(typed: Typed) -> None:
    assert typed("device", "create", "X", "--customer=Nobody").err == 'trunkline: There is no customer "Nobody".\n'
    unknown = typed("device", "show", "784f394c-42b6-435a-983c-b7beff2784f9")
    assert unknown.err.endswith("is not found (HTTP 404)\n")
    assert "already exists" in typed("device", "create", "Test Device B1").err
