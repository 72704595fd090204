import os
import pty
import subprocess
import sys

import pytest

from trunkline.cli.commands.deleting import make_sure
from trunkline.cli.errors import CommandError


def test_whoever_says_yes_is_not_asked() -> None:
    make_sure("Delete it?", yes=True)


def test_where_nobody_can_be_asked_nothing_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        with pytest.raises(CommandError, match="--yes"):
            make_sure("Delete it?", yes=False)


@pytest.mark.parametrize(("typed", "end"), [("y", "sure"), ("n", "Nothing is deleted."), ("", "Nothing is deleted.")])
def test_at_a_terminal_the_answer_decides(typed: str, end: str) -> None:
    code = "from trunkline.cli.commands.deleting import make_sure; make_sure('Delete it?', yes=False); print('sure')"
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        os.write(ours, f"{typed}\n".encode())
        shown = b""
        try:
            while more := os.read(ours, 1024):
                shown += more
        except OSError:  # how a terminal says that nobody is left
            pass
    os.close(ours)
    assert b"Delete it? [y/N]" in shown
    assert shown.decode().rstrip().endswith(end)
