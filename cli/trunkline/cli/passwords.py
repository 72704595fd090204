"""Where a password comes from that nobody should see on a command line: the terminal, standard input, or made up."""

import getpass
import secrets
import sys
from typing import Literal

from trunkline.cli.errors import CommandError

Source = Literal["generated", "prompt", "stdin"]
"""Where a new password comes from."""


def new_password(source: Source) -> str:
    """A new password. Raises CommandError if it is blank, or was not typed the same twice."""
    match source:
        case "generated":
            return secrets.token_urlsafe(12)
        case "prompt":
            password = getpass.getpass("New password: ")
            if getpass.getpass("The same again: ") != password:
                raise CommandError("These were two different passwords: nothing is changed.")
        case "stdin":
            password = sys.stdin.readline().rstrip("\r\n")
    if not password.strip():
        raise CommandError("A password cannot be blank: nothing is changed.")
    return password


def known_password(whose: str, option: str) -> str:
    """An existing password, asked for at the terminal. Raises CommandError, naming the option, if nobody sits there."""
    if not sys.stdin.isatty():
        raise CommandError(f"The password of {whose} is missing: give it with {option}.")
    return getpass.getpass(f"Password of {whose}: ")
