"""`trunkline user`: what an operator does to accounts while no server runs on their data directory."""

import asyncio
import getpass
import sys
from typing import Literal

from trunkline.cli.data_dir import locked
from trunkline.cli.errors import CommandError
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import configure_logs
from trunkline.core import installation
from trunkline.core.identity.passwords import generated_password
from trunkline.core.settings import CoreSettings

Source = Literal["generated", "prompt", "stdin"]
"""Where a new password comes from."""


def reset_password(settings: CoreSettings, email: str, source: Source) -> None:
    """Give an account a new password; a generated one goes to standard output, alone on its line.

    The account's tokens end. Raises CommandError if there is no such account, or a server runs on the data directory.
    """
    if not settings.database and not (settings.data_dir / installation.DATABASE_FILE).exists():
        raise CommandError(f"There is no installation in {settings.data_dir}: name its directory with --data-dir.")
    configure_logs(settings.log_level, settings.log_format)
    with locked(settings.data_dir):
        password = _new_password(source)
        try:
            asyncio.run(installation.reset_password(settings, email, password))
        except TrunklineError as error:
            raise CommandError(f"{error.message}.") from None
    if source == "generated":
        print(f"The new password of {email}, shown only this once:", file=sys.stderr)
        print(password)
    else:
        print(f"{email} has its new password.", file=sys.stderr)


def _new_password(source: Source) -> str:
    match source:
        case "generated":
            return generated_password()
        case "prompt":
            password = getpass.getpass("New password: ")
            if getpass.getpass("The same again: ") != password:
                raise CommandError("These were two different passwords: nothing is changed.")
        case "stdin":
            password = sys.stdin.readline().rstrip("\r\n")
    if not password.strip():
        raise CommandError("A password cannot be blank: nothing is changed.")
    return password
