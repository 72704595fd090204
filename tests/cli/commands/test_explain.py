import re

import pytest
from cli.conftest import Typed

pytestmark = pytest.mark.usefixtures("at_demo")


def test_a_stored_call_step_by_step(typed: Typed, lamp: str) -> None:
    call_id = typed("call", "--persistent", lamp, "m", "[1]").out.strip()
    assert typed("calls", "cancel", call_id).code == 0
    explained = typed("explain", call_id, "--json").json
    steps = [entry["step"] for entry in explained["timeline"]]
    assert steps == ["ACCEPTED", "STORED", "WAITING", "CANCEL_REQUESTED", "ENDED"]
    assert explained["cause"] == "CANCELLED"
    fields, timeline = typed("explain", call_id).out.split("\n\n")
    for line in (r"Params +\[1\]", "Status +FAILED", "Outcome +cancelled", "Cause +CANCELLED", r"Hint +\S.+"):
        assert re.search(f"^{line}$", fields, re.MULTILINE), fields
    assert re.match("TIME +STEP +DETAIL\n", timeline)
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  waiting +device offline$", timeline, re.MULTILINE)


def test_an_ordinary_call_that_failed(typed: Typed) -> None:
    call_id = typed("call", "Test Device B1", "m", "--fail-fast", "--json").out.split('"callId":"')[1][:36]
    explained = typed("explain", call_id, "--json").json
    assert (explained["cause"], explained["rpc"]["request"]["persisted"]) == ("DEVICE_OFFLINE", False)
    assert re.search("^Stored +no$", typed("explain", call_id).out, re.MULTILINE)


def test_a_call_that_nobody_knows(typed: Typed) -> None:
    unknown = typed("explain", "784f394c-42b6-435a-983c-b7beff2784f9")
    assert (unknown.code, unknown.out) == (1, "")
    assert "HTTP 404" in unknown.err
    assert typed("explain", "x").code == 2
