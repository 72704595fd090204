import os
import subprocess
import sys
from pathlib import Path

import pytest

from trunkline.cli.data_dir import LOCK_FILE, DataDirError, locked


def test_the_directory_is_made_private_and_names_its_holder(tmp_path: Path) -> None:
    data_dir = tmp_path / "deep" / "data"
    with locked(data_dir):
        assert data_dir.stat().st_mode & 0o777 == 0o700
        assert (data_dir / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_second_holder_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    with locked(tmp_path):
        with pytest.raises(DataDirError, match=f"in use by process {os.getpid()}.*--data-dir"), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass  # the first one let go


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    code = f"""
import pathlib, signal
from trunkline.cli.data_dir import locked
with locked(pathlib.Path({str(tmp_path)!r})):
    print("locked", flush=True)
    signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(DataDirError, match=f"process {holder.pid}"), locked(tmp_path):
            pass
        holder.kill()
    with locked(tmp_path):
        pass


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirError, match="cannot be used"), locked(tmp_path / "file" / "data"):
        pass
