"""`trunkline explain`."""

from typing import TYPE_CHECKING

import typer

from trunkline.cli.commands.calls import CallId
from trunkline.cli.commands.connected import connected

if TYPE_CHECKING:
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()


@app.command("explain", rich_help_panel="Calling devices")
@connected
async def explain_command(rest: "Rest", output: "Output", call_id: CallId) -> None:
    """Tell what happened to a call, step by step, and why it ended as it did.

    Of stored calls as long as they are kept; of others while they live and, unless they succeeded, for some minutes.
    """
    from trunkline.cli import columns

    explained = await rest.get(f"/api/rpc/{call_id}/explain")
    if output.as_json:
        output.json(explained)
        return
    output.one(explained, columns.EXPLAINED)
    print()
    output.several(explained["timeline"], columns.TIMELINE)
