import pytest

from trunkline.cli.errors import CommandError
from trunkline.cli.login import DEMO_USER, Login


def test_nothing_given_means_the_demo_on_this_machine_only() -> None:
    assert Login().or_demo("127.0.0.1").user == DEMO_USER
    with pytest.raises(CommandError, match="Who is calling"):
        Login().or_demo("trunkline.example")


@pytest.mark.parametrize("login", [Login(token="t"), Login(user="u", password="p")])
def test_what_was_given_is_used(login: Login) -> None:
    assert login.or_demo("127.0.0.1") is login


@pytest.mark.parametrize("login", [Login(user="u"), Login(password="p")])
def test_half_a_login_is_none(login: Login) -> None:
    with pytest.raises(CommandError, match="--user and --password"):
        login.or_demo("127.0.0.1")
