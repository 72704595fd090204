"""Every cause has its hint, and the page for people says the same."""

import re
from dataclasses import replace
from pathlib import Path

from trunkline.contract.errors import cause_name
from trunkline.core.journal.hints import HINTS, NEVER_CONNECTED, hint
from trunkline.core.presence.model import NEVER
from trunkline.v1.error_pb2 import Cause

PAGE = Path(__file__).parents[3] / "docs" / "explain.md"


def test_every_cause_has_a_hint() -> None:
    assert set(HINTS) == set(Cause.values()) - {Cause.CAUSE_UNSPECIFIED}
    assert all(part.endswith(".") for told in (*HINTS.values(), NEVER_CONNECTED) for part in told)
    assert len(set(HINTS.values())) == len(HINTS)


def test_what_is_told() -> None:
    offline = HINTS[Cause.CAUSE_DEVICE_OFFLINE]
    assert hint(Cause.CAUSE_UNSPECIFIED) == ""
    assert hint(Cause.CAUSE_DEVICE_OFFLINE) == f"{offline.meaning} {offline.advice}"
    assert hint(Cause.CAUSE_DEVICE_OFFLINE, NEVER) == str(NEVER_CONNECTED)
    polls = replace(NEVER, last_activity_unix_ms=1)  # it never connects, and was there all the same
    assert hint(Cause.CAUSE_DEVICE_OFFLINE, polls) == str(offline)
    assert hint(Cause.CAUSE_NO_REPLY, NEVER) == str(HINTS[Cause.CAUSE_NO_REPLY])


def test_the_page_has_every_cause_with_its_hint() -> None:
    page = PAGE.read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(cause_name(cause), told.meaning, told.advice) for cause, told in HINTS.items()]
    assert f"`DEVICE_OFFLINE` says: {NEVER_CONNECTED}\n" in page
