"""`trunkline import`."""

import sys
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trunkline.cli.commands.connected import connected, stored_logins
from trunkline.cli.errors import CommandError
from trunkline.cli.login import Login

if TYPE_CHECKING:
    from trunkline.cli.imports.importer import Summary
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()

PANEL: Final = "The other server"

FromUrl = Annotated[
    str | None,
    typer.Option("--from", help="Another server with ThingsBoard's REST API, by URL.", rich_help_panel=PANEL),
]
FromToken = Annotated[
    str | None,
    typer.Option(envvar="TRUNKLINE_FROM_TOKEN", help="A JWT of a tenant administrator there.", rich_help_panel=PANEL),
]
FromApiKey = Annotated[
    str | None, typer.Option(envvar="TRUNKLINE_FROM_API_KEY", help="An API key there.", rich_help_panel=PANEL)
]
FromUser = Annotated[
    str | None,
    typer.Option(
        envvar="TRUNKLINE_FROM_USER",
        help="A tenant administrator there.",
        show_default="whoever logged in there with `trunkline login --url`",
        rich_help_panel=PANEL,
    ),
]
FromPassword = Annotated[
    str | None,
    typer.Option(
        envvar="TRUNKLINE_FROM_PASSWORD", help="That user's password; asked for without it.", rich_help_panel=PANEL
    ),
]


@app.command("import", rich_help_panel="Administration")
@connected
async def import_command(
    rest: "Rest",
    output: "Output",
    file: Annotated[
        Path | None, typer.Argument(help="CSV file whose first line names its columns; - reads standard input.")
    ] = None,
    ignore_unknown: Annotated[bool, typer.Option("--ignore-unknown", help="Leave out columns nobody knows.")] = False,
    from_url: FromUrl = None,
    from_token: FromToken = None,
    from_api_key: FromApiKey = None,
    from_user: FromUser = None,
    from_password: FromPassword = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything, change nothing.")] = False,
) -> int:
    """Bring in devices, and what they connect with, from a CSV file or from another server.

    Devices whose name is there already are left alone, so that an import that broke off can simply be begun again.
    Customers are found by title, or made. Exit code 1: some devices could not be brought in.
    """
    from trunkline.cli.imports import csv_file, other_server
    from trunkline.cli.imports.importer import Importer
    from trunkline.cli.output import progress
    from trunkline.cli.rest import Rest

    if (file is None) == (from_url is None):
        raise typer.BadParameter("Give either a file or --from.", param_hint="FILE")
    with progress("devices") as show:
        importer = Importer(rest, dry_run=dry_run, progress=show)
        if file is not None:
            await importer.run(csv_file.batches(csv_file.read_devices(_text(file), ignore_unknown=ignore_unknown)))
        else:
            login = _login(from_token, from_api_key, from_user, from_password)
            async with Rest(str(from_url), login, stored=stored_logins()) as source:
                await importer.run(other_server.batches(source))
    return _tell(importer.summary, output, dry_run=dry_run)


def _text(file: Path) -> str:
    try:
        return (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8.") from None


def _login(token: str | None, api_key: str | None, user: str | None, password: str | None) -> Login:
    from trunkline.cli.passwords import known_password

    if user and not (password or token or api_key):
        password = known_password(user, "--from-password")
    return Login(token, user, password, api_key)


def _tell(summary: "Summary", output: "Output", *, dry_run: bool) -> int:
    if output.as_json:
        output.json(
            {
                "dryRun": dry_run,
                "created": summary.created,
                "existing": summary.existing,
                "customers": summary.customers,
                "failed": [{"name": name, "reason": reason} for name, reason in summary.failed],
                "ended": summary.ended or None,
            }
        )
    else:
        for name, reason in summary.failed:
            output.note(f"{name}: {reason}")
        lines = {
            "Would be created" if dry_run else "Created": summary.created,
            "There already": summary.existing,
            "Failed": len(summary.failed),
            "New customers": ", ".join(summary.customers),
        }
        output.one(lines, {title: itemgetter(title) for title in lines})
        if summary.ended:
            output.note(f"It broke off: {summary.ended.rstrip('.')}. Begin again to bring in the others.")
    return 1 if summary.failed or summary.ended else 0
