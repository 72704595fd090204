"""`trunkline watch`."""

from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli.commands.connected import connected
from trunkline.cli.commands.options import Limit
from trunkline.cli.delivery import Status

if TYPE_CHECKING:
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()


@app.command("watch", rich_help_panel="Calling devices")
@connected
async def watch_command(
    rest: "Rest",
    output: "Output",
    device: Annotated[str | None, typer.Argument(help="Only calls of this device; its id or name.")] = None,
    status: Annotated[
        list[Status] | None,
        typer.Option(help="Only changes to this, as `calls list` has it, or DELETED; may be repeated."),
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only calls of this method; may be repeated.")] = None,
    snapshot: Annotated[bool, typer.Option("--snapshot", help="Begin with the calls that have not ended.")] = False,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on behind this cursor, which a line of --json told.")
    ] = None,
    limit: Limit = None,
) -> None:
    """Tell every change of calls as it happens, until Ctrl-C; with --json one object a line.

    When the server goes away it is waited for, and what changed meanwhile is told then; after a restart, what stands.
    """
    from trunkline.cli.patience import Patience
    from trunkline.cli.watch import Names, follow, watch

    events = follow(
        rest,
        Patience(output.note),
        after or "",
        deviceId=await rest.device_id(device) if device else None,
        rpcStatus=[*status] if status else None,
        method=method or None,
        snapshot="true" if snapshot else None,
    )
    await watch(events, Names(rest), output, limit)
