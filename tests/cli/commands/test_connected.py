import inspect
from typing import Annotated

import pytest
import typer
from system.runners import Served
from typer.testing import CliRunner

from trunkline.cli.commands.connected import connected, server_at
from trunkline.cli.login import DEFAULT_URL
from trunkline.cli.output import Output
from trunkline.cli.rest import Rest


async def show(rest: Rest, output: Output, number: Annotated[int, typer.Argument()], loud: bool = False) -> int | None:
    """Show a number."""
    output.done(await rest.me(), f"{number} {loud} {rest.url}")
    return number


def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(connected(show))
    return made


def test_a_coroutine_becomes_a_command(demo: Served) -> None:
    done = CliRunner().invoke(app(), ["0", "--loud", "--url", demo.rest])
    assert (done.exit_code, done.stderr, done.stdout) == (0, f"0 True {demo.rest}\n", "")
    done = CliRunner().invoke(app(), ["3", "--url", demo.rest, "--json"])
    assert done.exit_code == 3
    assert '"email": "tenant@thingsboard.org"' in done.stdout


def test_its_own_options_come_first_and_its_help_stays() -> None:
    made = connected(show)
    assert list(inspect.signature(made).parameters) == [
        "number",
        "loud",
        "as_json",
        "url",
        "token",
        "user",
        "password",
    ]
    assert made.__doc__ == "Show a number."


def test_wrong_usage_asks_nobody() -> None:
    assert CliRunner().invoke(app(), ["many", "--url", "http://127.0.0.1:1"]).exit_code == 2


@pytest.mark.parametrize("url", [None, "http://trunkline.example"])
async def test_where_a_command_asks(url: str | None) -> None:
    async with server_at(url) as rest:
        assert rest.url == (url or DEFAULT_URL)
