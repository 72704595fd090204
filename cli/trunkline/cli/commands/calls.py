"""`trunkline calls`: looks at stored calls, cancels and deletes them."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from trunkline.cli.commands.connected import connected
from trunkline.cli.commands.deleting import Yes, make_sure
from trunkline.cli.commands.options import Limit
from trunkline.cli.delivery import Status

if TYPE_CHECKING:
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()
calls_app = typer.Typer(help="Look at stored calls, cancel and delete them.", no_args_is_help=True)
app.add_typer(calls_app, name="calls", rich_help_panel="Calling devices")

CallId = Annotated[UUID, typer.Argument(metavar="ID", help="The call's id.", show_default=False)]
CallIds = Annotated[list[UUID], typer.Argument(metavar="ID...", help="Ids of calls.")]


@calls_app.command("list")
@connected
async def list_command(
    rest: "Rest",
    output: "Output",
    device: Annotated[str, typer.Argument(help="The device's id or name.")],
    status: Annotated[
        Status | None,
        typer.Option(help="Only those that are QUEUED, SENT, DELIVERED, TIMEOUT, SUCCESSFUL, EXPIRED or FAILED."),
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Only those with this text in method, parameters or response.")
    ] = None,
    sort: Annotated[str, typer.Option(help="Order: createdTime, expirationTime or status.")] = "createdTime",
    ascending: Annotated[bool, typer.Option("--ascending", help="Oldest first, or the other way round.")] = False,
    limit: Limit = None,
) -> None:
    """List a device's stored calls, newest first."""
    from trunkline.cli import columns

    if status is Status.DELETED:
        raise typer.BadParameter("Deleted calls are gone.", param_hint="--status")
    calls = rest.pages(
        f"/api/rpc/persistent/device/{await rest.device_id(device)}",
        limit=limit,
        rpcStatus=status,
        textSearch=search,
        sortProperty=sort,
        sortOrder="ASC" if ascending else "DESC",
    )
    output.several([call async for call in calls], columns.CALLS)


@calls_app.command("get")
@connected
async def get_command(
    rest: "Rest",
    output: "Output",
    call_id: CallId,
    wait_s: Annotated[float, typer.Option(min=0.0, help="Wait so long for its end.", show_default="do not wait")] = 0.0,
) -> None:
    """Show a stored call."""
    import json

    from trunkline.cli import columns, stored_calls
    from trunkline.cli.patience import Patience

    found = await stored_calls.at_end(rest, str(call_id), Patience(output.note), wait_s)
    output.one(json.loads(found), columns.CALL)


@calls_app.command("cancel")
@connected
async def cancel_command(rest: "Rest", output: "Output", call_ids: CallIds) -> int:
    """End calls before their time, and say of each whether the device can have got it.

    Exit code 1: one of them had ended already.
    """
    from trunkline.cli.stored_calls import CANCELLED

    late = 0
    for call_id in call_ids:
        answer = await rest.post(f"/api/rpc/persistent/{call_id}/cancel")
        output.done(answer, f"{call_id}: {CANCELLED[answer['result']]}")
        late |= answer["result"] == "ALREADY_ENDED"
    return late


@calls_app.command("delete")
@connected
async def delete_command(rest: "Rest", output: "Output", call_ids: CallIds, yes: Yes = False) -> None:
    """Remove stored calls; those that have not ended are cancelled with it."""
    make_sure(f"Delete {', '.join(map(str, call_ids))}?", yes=yes)
    for call_id in call_ids:
        await rest.delete(f"/api/rpc/persistent/{call_id}")
        output.note(f"{call_id} is deleted.")
