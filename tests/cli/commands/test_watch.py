import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cli.conftest import Typed

from trunkline.cli.main import INTERRUPTED

pytestmark = pytest.mark.usefixtures("at_demo")


def stored(typed: Typed, device: str, method: str = "m") -> str:
    """The id of a new stored call."""
    return typed("call", "--persistent", device, method).out.strip()


@contextmanager
def watching(*arguments: str) -> Iterator[Iterator[Any]]:
    """The objects that a `watch` of its own process prints, as they come."""
    command = [sys.executable, "-m", "trunkline.cli.main", "watch", "--json", *arguments]
    heeding = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, heeding)
    with process:
        assert process.stdout is not None
        try:
            yield map(json.loads, process.stdout)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == INTERRUPTED
        finally:
            process.kill()


def test_changes_come_as_they_happen_and_none_is_missed_between_two_watches(typed: Typed, lamp: str) -> None:
    calls = [stored(typed, lamp) for _ in range(2)]
    with watching(lamp, "--snapshot") as told:
        assert [next(told)["rpcId"] for _ in range(2)] == calls
        assert next(told)["event"] == "snapshotEnd"
        typed("calls", "cancel", calls[0])
        last = next(told)
        assert (last["event"], last["rpcId"], last["cause"]) == ("call", calls[0], "CANCELLED")
    typed("calls", "cancel", calls[1])
    missed = json.loads(typed("watch", lamp, f"--after={last['cursor']}", "--limit=1", "--json").out)
    assert (missed["rpcId"], missed["cause"]) == (calls[1], "CANCELLED")


def test_only_some_changes(typed: Typed, lamp: str) -> None:
    stored(typed, lamp, "passed over")
    call_id = stored(typed, lamp, "asked for")
    shown = typed("watch", "--snapshot", "--limit=1", "--method=asked for", "--status=QUEUED", "--status=SENT").out
    assert shown.endswith(f"  QUEUED      {call_id}  {lamp}: asked for\n")


def test_a_cursor_that_nobody_knows_is_told(typed: Typed, lamp: str) -> None:
    call_id = stored(typed, lamp)
    ended = typed("watch", lamp, "--after=nonsense", "--limit=1")
    assert ended.err == "What happened meanwhile is not known any more. These calls have not ended:\n"
    assert call_id in ended.out


@pytest.mark.parametrize(("arguments", "code"), [(["Nobody"], 1), (["--status=GONE"], 2), (["--limit=0"], 2)])
def test_what_cannot_be_watched(typed: Typed, arguments: list[str], code: int) -> None:
    assert typed("watch", *arguments).code == code
