import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trunkline.cli.errors import CommandError
from trunkline.cli.login import Tokens
from trunkline.cli.stored_logins import FILE, StoredLogin, StoredLogins, canonical

URL = "https://trunkline.example:8443"


def login(user: str) -> StoredLogin:
    return StoredLogin(user, Tokens(f"access of {user}", f"refresh of {user}"))


@pytest.fixture
def stored(tmp_path: Path) -> StoredLogins:
    return StoredLogins(tmp_path / "config" / "trunkline")


def test_a_login_is_found_again_at_its_own_server_only(stored: StoredLogins) -> None:
    assert (stored.find(URL), stored.last_url()) == (None, None)
    stored.keep(URL, login("a"))
    stored.keep("http://127.0.0.1:8080", login("b"))
    assert stored.find(URL) == login("a")
    assert stored.find("HTTPS://Trunkline.example:8443/") == login("a")
    assert stored.find("https://trunkline.example") is None
    assert stored.last_url() == "http://127.0.0.1:8080"


def test_renewed_tokens_leave_the_latest_server_the_latest(stored: StoredLogins) -> None:
    stored.keep(URL, login("a"))
    stored.keep("http://127.0.0.1:8080", login("b"))
    stored.keep(URL, login("renewed"), latest=False)
    assert stored.find(URL) == login("renewed")
    assert stored.last_url() == "http://127.0.0.1:8080"


def test_forgetting(stored: StoredLogins) -> None:
    stored.forget(URL)
    stored.keep(URL, login("a"))
    stored.keep("http://127.0.0.1:8080", login("b"))
    stored.forget(URL)
    assert stored.find(URL) is None
    assert stored.last_url() == "http://127.0.0.1:8080"
    stored.forget("http://127.0.0.1:8080")
    assert stored.last_url() is None


def test_only_its_user_can_read_the_file(tmp_path: Path) -> None:
    directory = tmp_path / "trunkline"
    StoredLogins(directory).keep(URL, login("a"))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    (directory / FILE).chmod(0o644)
    (directory / "logins.new").touch(0o644)  # of a command that was killed
    StoredLogins(directory).keep(URL, login("b"))
    assert stat.S_IMODE((directory / FILE).stat().st_mode) == 0o600


KEEP_TEN = """
import sys
from pathlib import Path
from trunkline.cli.login import Tokens
from trunkline.cli.stored_logins import StoredLogin, StoredLogins
for number in range(10):
    StoredLogins(Path(sys.argv[1])).keep(f"http://{sys.argv[2]}{number}", StoredLogin("x", Tokens("t", "r")))
"""


def test_commands_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    names = "abcd"
    commands = [subprocess.Popen([sys.executable, "-c", KEEP_TEN, str(tmp_path), name]) for name in names]
    assert [command.wait(60) for command in commands] == [0, 0, 0, 0]
    stored = StoredLogins(tmp_path)
    assert all(stored.find(f"http://{name}{number}") for name in names for number in range(10))


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"last": null, "logins": []}', '{"last": null, "logins": {"u": {"user": "x"}}}'],
)
def test_a_damaged_file_is_told(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(CommandError, match=r"logins\.json is damaged: delete it"):
        StoredLogins(tmp_path).find(URL)


def test_a_directory_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    stored = StoredLogins(tmp_path / "file")
    with pytest.raises(CommandError, match="cannot be read"):
        stored.find(URL)
    with pytest.raises(CommandError, match="cannot be written"):
        stored.keep(URL, login("a"))


def test_urls_are_written_in_one_way() -> None:
    assert canonical("HTTP://Example.COM:80/Base/") == "http://example.com:80/Base"
    with pytest.raises(CommandError, match="is no URL"):
        canonical("http://[")
