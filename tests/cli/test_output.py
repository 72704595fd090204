import json
import os
import pty
import re
import subprocess
import sys

import pytest

from trunkline.cli.output import ID, Columns, Output, moment, printable, reference, waiting
from trunkline.contract.ids import NO_ID_TEXT

THINGS = [{"name": "Pump 7", "on": True, "note": None}, {"name": "a [red]b[/red] \x1b[31m\n", "on": False, "note": "x"}]
COLUMNS: Columns = {"NAME": lambda thing: thing["name"], "ON": lambda thing: thing["on"], "NOTE": lambda t: t["note"]}
WITH_ID: Columns = {"NAME": lambda thing: thing["name"], ID: lambda _: "0123456789"}


def test_a_table_in_which_nothing_is_markup_and_nothing_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    Output().several(THINGS, COLUMNS)
    assert capsys.readouterr().out.splitlines() == [
        "NAME                         ON   NOTE",
        "Pump 7                       yes",
        "a [red]b[/red] \\u001b[31m\\n  no   x",
    ]


def test_an_empty_list_still_has_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    Output().several([], COLUMNS)
    assert capsys.readouterr().out == "NAME  ON  NOTE\n"


def test_long_names_are_never_cut_outside_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Output().several([{"name": "n" * 500, "on": True, "note": "last"}], COLUMNS)
    assert "n" * 500 + "  yes  last" in capsys.readouterr().out


def test_one_entity_without_what_it_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    Output().one(THINGS[0], COLUMNS)
    assert capsys.readouterr().out == "NAME  Pump 7\nON    yes\n"


def test_json_is_the_servers(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.several(THINGS, COLUMNS)
    assert json.loads(capsys.readouterr().out) == THINGS
    output.one(THINGS[0], COLUMNS)
    assert json.loads(capsys.readouterr().out) == THINGS[0]
    output.done(THINGS[0], "It is done.")
    out, err = capsys.readouterr()
    assert (json.loads(out), err) == (THINGS[0], "")


def test_only_results_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.done(THINGS[0], "It is \x07 done.")
    output.secret("The secret:", "s3cret")
    assert capsys.readouterr() == ("s3cret\n", "It is \\u0007 done.\nThe secret:\n")


def test_a_table_fits_a_terminal_and_keeps_every_letter() -> None:
    code = "from test_output import *; Output().several([{'name': 'n' * 60, 'on': True, 'note': None}], WITH_ID)"
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "40", "PYTHONPATH": os.path.dirname(__file__), "NO_COLOR": "1"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=theirs, env=environment):
        os.close(theirs)
        shown = b""
        try:
            while more := os.read(ours, 1024):
                shown += more
        except OSError:  # how a terminal says that nobody is left
            pass
    os.close(ours)
    assert shown.count(b"n") == 60
    assert b"0123456789" in shown
    assert max(map(len, re.sub(r"\x1b\[\d+m", "", shown.decode()).splitlines())) <= 40


def test_nothing_spins_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("setGpio …"):
        pass
    assert capsys.readouterr() == ("", "")


def test_small_things() -> None:
    assert reference(None) == reference({"id": NO_ID_TEXT}) == ""
    assert reference({"id": "x"}) == "x"
    assert moment(None) == moment(0) == ""
    assert moment(1_720_000_000_000).startswith("2024-07-03 ")
    assert printable("ä€\t\u202e") == "ä€\\u0009\\u202e"
