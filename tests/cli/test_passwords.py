import io
import re

import pytest

from trunkline.cli.errors import CommandError
from trunkline.cli.passwords import known_password, new_password


def test_one_is_made_up_and_never_twice_the_same() -> None:
    first, second = new_password("generated"), new_password("generated")
    assert first != second
    assert re.fullmatch(r"\S{16}", first)


@pytest.mark.parametrize(("line", "password"), [("my own words\n", "my own words"), ("x\r\n", "x"), (" y ", " y ")])
def test_one_line_of_standard_input(line: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line + "another line\n" if line.endswith("\n") else line))
    assert new_password("stdin") == password


@pytest.mark.parametrize("line", ["", "\n", "  \n"])
def test_a_blank_one_is_none(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    with pytest.raises(CommandError, match="cannot be blank"):
        new_password("stdin")


def test_nobody_is_asked_where_nobody_sits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    with pytest.raises(CommandError, match="--password-stdin"):
        known_password("a@example.com", "--password-stdin")
