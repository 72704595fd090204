"""`trunkline call`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli.commands.connected import connected

if TYPE_CHECKING:
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()


@app.command("call", rich_help_panel="Calling devices")
@connected
async def call_command(
    rest: "Rest",
    output: "Output",
    device: Annotated[str, typer.Argument(help="The device's id or name.")],
    method: Annotated[str, typer.Argument(help="The method's name.")],
    params: Annotated[str, typer.Argument(help="Parameters as JSON; - reads them from standard input.")] = "null",
    oneway: Annotated[bool, typer.Option("--oneway", help="Do not wait for a reply.")] = False,
    timeout_ms: Annotated[int, typer.Option(min=1, help="How long the call may take.")] = 10_000,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Do not wait for a device that is not connected.")
    ] = False,
    await_delivery: Annotated[
        bool, typer.Option("--await-delivery", help="One-way: wait until the device has acknowledged it.")
    ] = False,
) -> int:
    """Call a method of a device, print its reply.

    The reply goes to standard output byte for byte, what went wrong to standard error. Exit code 1: the call failed.
    """
    from trunkline.cli.call import CallRequest, call

    text = sys.stdin.buffer.read() if params == "-" else params.encode()
    request = CallRequest(device, method, text, timeout_ms, oneway, fail_fast, await_delivery)
    return await call(request, rest, output)
