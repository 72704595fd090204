"""`trunkline login`, `logout` and `whoami`."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli.commands.connected import PANEL, Password, Url, connected, server_at, stored_logins
from trunkline.cli.errors import CommandError
from trunkline.cli.login import Login

if TYPE_CHECKING:
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()


@app.command("login", rich_help_panel=PANEL)
def login_command(
    email: Annotated[
        str | None, typer.Argument(envvar="TRUNKLINE_USER", help="The account's e-mail address; asked for without it.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
    ] = False,
    password: Password = None,
    url: Url = None,
) -> None:
    """Log in, for all commands to come: the tokens are kept in a file that only you can read, and renewed.

    The server becomes the one that commands ask unless they are told another.
    """
    from trunkline.cli.passwords import known_password

    email = email or typer.prompt("E-mail address")
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    asyncio.run(_log_in(url, Login(user=email, password=password or known_password(str(email), "--password-stdin"))))


async def _log_in(url: str | None, login: Login) -> None:
    from trunkline.cli.columns import role
    from trunkline.cli.stored_logins import StoredLogin

    async with server_at(url, user=login.user, password=login.password) as rest:
        me = await rest.me()
        stored_logins().keep(rest.url, StoredLogin(me["email"], await rest.access.tokens()))
        print(f"Logged in at {rest.url} as {me['email']}, {role(me['authority'])}.", file=sys.stderr)


@app.command("logout", rich_help_panel=PANEL)
def logout_command(url: Url = None) -> None:
    """End the login at a server, there and here."""
    asyncio.run(_log_out(url))


async def _log_out(url: str | None) -> None:
    async with server_at(url) as rest:
        stored = stored_logins()
        if stored.find(rest.url) is None:
            raise CommandError(f"Nobody is logged in at {rest.url}.")
        try:
            await rest.post("/api/auth/logout")
        except CommandError as error:
            print(f"The server could not be told: {error}", file=sys.stderr)
        stored.forget(rest.url)
        print(f"Logged out at {rest.url}.", file=sys.stderr)


@app.command("whoami", rich_help_panel=PANEL)
@connected
async def whoami_command(rest: "Rest", output: "Output") -> None:
    """Show whom the server takes you for."""
    from trunkline.cli import columns

    output.one(await rest.me(), {"Server": lambda _: rest.url, **columns.USER})
