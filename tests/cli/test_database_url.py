"""No password gets onto a command line."""

import pytest
import typer

from trunkline.cli.database_url import without_password


@pytest.mark.parametrize(
    "url", [None, "postgresql://core@db.example/trunkline", "postgresql:///d?host=/run/postgresql", "sqlite:///file.db"]
)
def test_what_tells_no_password_is_taken_as_it_is(url: str | None) -> None:
    assert without_password(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h/d",
        "postgresql://u:@h/d",
        "postgresql://h/d?user=u&password=secret",
        "postgresql://[:secret@",
    ],
)
def test_a_password_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        without_password(url)
    assert "secret" not in caught.value.message
