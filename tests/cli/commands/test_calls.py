import json
import re

import pytest
from cli.conftest import Typed

pytestmark = pytest.mark.usefixtures("at_demo")

CUSTOMER = ("--user=customer@thingsboard.org", "--password=customer")
OTHERS = ("--user=tenant2@thingsboard.org", "--password=tenant2")
UNKNOWN = "784f394c-42b6-435a-983c-b7beff2784f9"


def stored(typed: Typed, device: str, method: str, *options: str) -> str:
    """The id of a new stored call."""
    ended = typed("call", "--persistent", device, method, *options)
    assert (ended.code, ended.err) == (0, "stored\n")
    return ended.out.strip()


def test_a_call_is_shown_as_it_was_asked_for(typed: Typed, lamp: str) -> None:
    options = ("--retries=2", "--expires-in-s=60", '--additional-info={"why": "test"}')
    call_id = stored(typed, lamp, "dim", '{"level": 20}', *options)
    call = typed("calls", "get", call_id, "--json").json
    assert (call["id"]["id"], call["status"], call["additionalInfo"]) == (call_id, "QUEUED", {"why": "test"})
    assert (call["request"]["body"], call["request"]["retries"]) == ({"method": "dim", "params": '{"level":20}'}, 2)
    assert 59_000 <= call["expirationTime"] - call["createdTime"] <= 60_000
    shown = typed("calls", "get", call_id).out
    for line in ("Method +dim", r'Params +\{"level":20\}', "Kind +two-way", "Status +QUEUED", "Retries +2"):
        assert re.search(f"^{line}$", shown, re.MULTILINE), shown
    assert typed("calls", "get", call_id, "--wait-s=0.1", "--json").json == call


def test_a_list_is_of_what_was_asked_for(typed: Typed, lamp: str) -> None:
    calls = [stored(typed, lamp, method, "--oneway") for method in ("first", "second", "third")]
    assert typed("calls", "cancel", calls[1]).code == 0

    def listed(*options: str) -> list[str]:
        return [call["id"]["id"] for call in typed("calls", "list", lamp, "--json", *options).json]

    assert listed() == calls[::-1]
    assert listed("--ascending", "--limit=2") == calls[:2]
    assert listed("--status=FAILED") == [calls[1]]
    assert listed("--search=THIRD") == [calls[2]]
    assert set(listed("--sort=status")) == set(calls)
    shown = typed("calls", "list", lamp).out.splitlines()
    assert re.match(r"METHOD +STATUS +CREATED +EXPIRES +ID$", shown[0])
    assert re.match(rf"third +QUEUED +\S+ \S+ +\S+ \S+ +{calls[2]}$", shown[1])


def test_what_cannot_be_listed(typed: Typed, lamp: str) -> None:
    assert typed("calls", "list", lamp, "--status=DELETED").code == 2
    assert typed("calls", "list", lamp, "--status=GONE").code == 2
    assert "HTTP 400" in typed("calls", "list", lamp, "--sort=colour").err
    assert "no device named" in typed("calls", "list", "Nobody").err


def test_a_cancellation_says_what_it_did(typed: Typed, lamp: str) -> None:
    call_id = stored(typed, lamp, "dim")
    done = typed("calls", "cancel", call_id)
    assert (done.code, done.out) == (0, "")
    assert done.err == f"{call_id}: cancelled in time, the device does not get it\n"
    again = typed("calls", "cancel", call_id, "--json")
    assert again.code == 1
    assert json.loads(again.out)["result"] == "ALREADY_ENDED"
    assert typed("calls", "get", call_id, "--json").json["response"] == {"error": "Cancelled before the device got it"}


def test_calls_are_deleted_when_somebody_is_sure(typed: Typed, lamp: str) -> None:
    calls = [stored(typed, lamp, "dim") for _ in range(2)]
    assert "Nobody can be asked" in typed("calls", "delete", *calls).err
    assert typed("calls", "get", calls[0]).code == 0
    deleted = typed("calls", "delete", "--yes", *calls)
    assert deleted.err == "".join(f"{call_id} is deleted.\n" for call_id in calls)
    assert typed("calls", "list", lamp, "--json").json == []
    gone = typed("calls", "get", calls[0])
    assert (gone.code, gone.out) == (1, "")
    assert gone.err.endswith("is not found (HTTP 404)\n")


def test_who_may_not(typed: Typed, lamp: str) -> None:
    call_id = stored(typed, lamp, "dim")
    for whom in (CUSTOMER, OTHERS):
        for command in ("get", "cancel"):
            refused = typed("calls", command, call_id, *whom)
            assert (refused.code, refused.out) == (1, "")
            assert "HTTP 404" in refused.err
    assert "HTTP 403" in typed("calls", "delete", "--yes", call_id, *CUSTOMER).err
    assert typed("calls", "get", call_id, "--json").json["status"] == "QUEUED"


@pytest.mark.parametrize("command", [("get",), ("cancel",), ("delete", "--yes")])
def test_an_id_that_is_none_goes_nowhere(typed: Typed, command: tuple[str, ...]) -> None:
    assert typed("calls", *command, "../device/x").code == 2
    assert "HTTP 404" in typed("calls", *command, UNKNOWN).err
