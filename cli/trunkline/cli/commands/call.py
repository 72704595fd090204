"""`trunkline call`."""

import asyncio
import sys
from typing import Annotated

import typer

from trunkline.cli.commands.options import Password, Token, Url, User
from trunkline.cli.login import DEFAULT_URL, Login

app = typer.Typer()


@app.command("call")
def call_command(
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
    url: Url = DEFAULT_URL,
    token: Token = None,
    user: User = None,
    password: Password = None,
) -> None:
    """Call a method of a device, print its reply. Exit code 1: the call failed."""
    from trunkline.cli.call import CallRequest, call

    text = sys.stdin.buffer.read() if params == "-" else params.encode()
    request = CallRequest(device, method, text, timeout_ms, oneway, fail_fast, await_delivery)
    raise typer.Exit(asyncio.run(call(request, url, Login(token, user, password))))
