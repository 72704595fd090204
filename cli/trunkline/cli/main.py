"""The command line `trunkline`: puts the commands together; what a command needs is imported when it runs."""

import os
import sys
from importlib.metadata import version
from typing import Annotated, Final

import typer

from trunkline.cli.commands import (
    call,
    calls,
    customer,
    device,
    explain,
    importing,
    login,
    server,
    simulate,
    tenant,
    user,
    watch,
)
from trunkline.cli.errors import CommandError

ONE_GRPC_THREAD: Final = "-event_engine_client,-event_engine_listener"
"""Lets gRPC do its I/O on the thread that waits for it, not on a pool: batches then change threads less often, which
takes a seventh off what a call costs. gRPC reads this when it is imported; children inherit it."""

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    help="Call methods on devices, and run the server that does it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for subject in (call, calls, explain, watch, simulate, login, device, importing, user, customer, tenant, server):
    app.add_typer(subject.app)


@app.callback(invoke_without_command=True)
def trunkline(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version, and end.")] = False,
) -> None:
    if show_version:
        print(f"trunkline {version('trunkline')}")
        raise typer.Exit


def main() -> None:
    """The command `trunkline`."""
    os.environ.setdefault("GRPC_EXPERIMENTS", ONE_GRPC_THREAD)
    try:
        app()
    except CommandError as error:
        print(f"trunkline: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
