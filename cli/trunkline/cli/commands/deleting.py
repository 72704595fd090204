"""Asks before something is deleted."""

import sys
from typing import Annotated

import typer

from trunkline.cli.errors import CommandError

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def make_sure(question: str, *, yes: bool) -> None:
    """Ask, unless `yes`. Raises CommandError if the answer is no, or nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("Nobody can be asked here whether you are sure: say so with --yes.")
    if not typer.confirm(question, err=True):
        raise CommandError("Nothing is deleted.")
