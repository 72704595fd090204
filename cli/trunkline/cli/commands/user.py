"""`trunkline user`: people and their passwords."""

from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.settings import read

app = typer.Typer()
user_app = typer.Typer(help="Look after accounts while no server runs.", no_args_is_help=True)
app.add_typer(user_app, name="user")


@user_app.command("reset-password")
def reset_password_command(
    email: Annotated[str, typer.Argument(help="The account's e-mail address.")],
    ask: Annotated[bool, typer.Option("--ask", help="Ask for the password instead of making one up.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar=["TRUNKLINE_DATA_DIR", "TRUNKLINE_CORE_DATA_DIR"],
            help="Where everything is kept. [default: ./.trunkline]",
        ),
    ] = None,
) -> None:
    """Give an account a new password, made up and printed unless told otherwise. Its tokens end."""
    if ask and password_stdin:
        raise typer.BadParameter("Not together with --ask.", param_hint="--password-stdin")
    from trunkline.cli.passwords import Source
    from trunkline.cli.reset_password import reset_password
    from trunkline.core.settings import CoreSettings

    source: Source = "prompt" if ask else "stdin" if password_stdin else "generated"
    reset_password(read(CoreSettings, data_dir=data_dir), email, source)
