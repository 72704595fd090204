"""Makes a command of a coroutine that asks a server: adds the options that say which one, as whom, and how to show."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Final, ParamSpec

import typer

from trunkline.cli.login import DEFAULT_URL, Login

if TYPE_CHECKING:  # loading them takes longer than everything else that `--help` needs
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest
    from trunkline.cli.stored_logins import StoredLogins

P = ParamSpec("P")

PANEL: Final = "Server and login"

Url = Annotated[
    str | None,
    typer.Option(
        envvar="TRUNKLINE_URL",
        help="Where the REST API is.",
        show_default=f"that of the last login, or {DEFAULT_URL}",
        rich_help_panel=PANEL,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(envvar="TRUNKLINE_TOKEN", help="A JWT, in place of a login.", rich_help_panel=PANEL),
]
User = Annotated[
    str | None,
    typer.Option(
        envvar="TRUNKLINE_USER",
        help="Whom to log in as, for this command.",
        show_default="whoever logged in; on this machine the demo's tenant administrator",
        rich_help_panel=PANEL,
    ),
]
Password = Annotated[
    str | None,
    typer.Option(envvar="TRUNKLINE_PASSWORD", help="That user's password.", rich_help_panel=PANEL),
]
AsJson = Annotated[bool, typer.Option("--json", help="Show JSON.")]


def stored_logins() -> "StoredLogins":
    """The logins of whoever types."""
    from trunkline.cli.stored_logins import StoredLogins

    return StoredLogins(Path(typer.get_app_dir("trunkline")))


def server_at(url: Url = None, token: Token = None, user: User = None, password: Password = None) -> "Rest":
    """The server and login that these options mean."""
    from trunkline.cli.rest import Rest

    stored = stored_logins()
    return Rest(url or stored.last_url() or DEFAULT_URL, Login(token, user, password), stored=stored)


def connected(command: "Callable[Concatenate[Rest, Output, P], Awaitable[int | None]]") -> Callable[..., None]:
    """A command for typer: `command`'s parameters but the first two, then those of `server_at`, and `--json`.

    What the coroutine returns is the exit code, None for 0.
    """
    signature = inspect.signature(command)
    given = list(signature.parameters.values())[2:]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, default, annotation in (
            ("as_json", False, AsJson),
            ("url", None, Url),
            ("token", None, Token),
            ("user", None, User),
            ("password", None, Password),
        )
    ]

    @wraps(command)
    def run(
        *args: Any,
        as_json: bool,
        url: str | None,
        token: str | None,
        user: str | None,
        password: str | None,
        **options: Any,
    ) -> None:
        from trunkline.cli.output import Output

        async def work() -> int | None:
            async with server_at(url, token, user, password) as server:
                return await command(server, Output(as_json), *args, **options)

        if code := asyncio.run(work()):
            raise typer.Exit(code)

    run.__signature__ = signature.replace(parameters=[*given, *added])  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*given, *added)}
    del run.__wrapped__  # its annotations name what is imported only when it runs
    return run
