"""`trunkline call`."""

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trunkline.cli.commands.connected import connected
from trunkline.cli.delivery import Redelivery, Strategy
from trunkline.cli.errors import CommandError

if TYPE_CHECKING:
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()

STORED_PANEL: Final = "Stored calls"

TIMEOUT_MS: Final = 10_000
KEPT_S: Final = 86_400


@app.command("call", rich_help_panel="Calling devices")
@connected
async def call_command(
    rest: "Rest",
    output: "Output",
    device: Annotated[str, typer.Argument(help="The device's id or name.")],
    method: Annotated[str, typer.Argument(help="The method's name.")],
    params: Annotated[str, typer.Argument(help="Parameters as JSON; - reads them from standard input.")] = "null",
    oneway: Annotated[bool, typer.Option("--oneway", help="Do not wait for a reply.")] = False,
    timeout_ms: Annotated[
        int | None,
        typer.Option(
            min=1, help="How long the call may take.", show_default=f"{TIMEOUT_MS}; stored calls: see --expires-in-s"
        ),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Do not wait for a device that is not connected.")
    ] = False,
    await_delivery: Annotated[
        bool, typer.Option("--await-delivery", help="One-way: wait until the device has acknowledged it.")
    ] = False,
    redelivery: Annotated[
        Redelivery | None,
        typer.Option(
            help="Whether the device gets the call again when it subscribes anew: while it is unanswered, while it is "
            "undelivered, or never.",
            show_default="as its profile says",
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The same key again with the same content is the same call.")
    ] = None,
    persistent: Annotated[
        bool,
        typer.Option("--persistent", help="Store the call and print its id.", rich_help_panel=STORED_PANEL),
    ] = False,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait for its end and print the reply.", rich_help_panel=STORED_PANEL),
    ] = False,
    expires_in_s: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How long it may wait for the device and its reply.",
            show_default=f"{KEPT_S}, a day",
            rich_help_panel=STORED_PANEL,
        ),
    ] = None,
    retries: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How often it is sent again if the device does not acknowledge it.",
            show_default="as often as the server allows",
            rich_help_panel=STORED_PANEL,
        ),
    ] = None,
    strategy: Annotated[
        Strategy | None,
        typer.Option(
            help="When the device gets the stored calls behind it. burst: at once; on-ack: when it acknowledged this "
            "one; on-response: when it answered.",
            show_default="as its profile says",
            rich_help_panel=STORED_PANEL,
        ),
    ] = None,
    additional_info: Annotated[
        str | None,
        typer.Option(
            metavar="JSON", help="Kept with the call, never sent to the device.", rich_help_panel=STORED_PANEL
        ),
    ] = None,
) -> int:
    """Call a method of a device, print its reply.

    The reply goes to standard output byte for byte, what went wrong to standard error. Exit code 1: the call failed.

    With --persistent the call is stored: it waits for a device that is away, and outlives every process.
    """
    from trunkline.cli.call import CallRequest, Keeping, call, json_value

    stored_only = {
        "--wait": wait or None,
        "--expires-in-s": expires_in_s,
        "--retries": retries,
        "--strategy": strategy,
        "--additional-info": additional_info,
    }
    if not persistent and (given := [name for name, value in stored_only.items() if value is not None]):
        raise typer.BadParameter("Only with --persistent.", param_hint=given[0])
    if timeout_ms and expires_in_s:
        raise typer.BadParameter("Not together with --timeout-ms.", param_hint="--expires-in-s")
    if idempotency_key is not None and not (idempotency_key.isascii() and idempotency_key.isprintable()):
        raise CommandError("An idempotency key is of letters, digits and signs of ASCII.")
    text = json_value("PARAMS", sys.stdin.buffer.read() if params == "-" else params.encode())
    information = None if additional_info is None else json_value("--additional-info", additional_info.encode())
    request = CallRequest(
        device,
        method,
        text,
        timeout_ms or ((expires_in_s or KEPT_S) * 1000 if persistent else TIMEOUT_MS),
        oneway,
        fail_fast,
        await_delivery,
        redelivery,
        idempotency_key or "",
        Keeping(retries, strategy, information) if persistent else None,
    )
    if persistent:
        from trunkline.cli.stored_calls import store

        return await store(request, rest, output, wait=wait)
    return await call(request, rest, output)
