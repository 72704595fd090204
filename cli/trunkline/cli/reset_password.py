"""`trunkline user reset-password`: what an operator does to an account while no server runs on the data directory."""

import asyncio
import sys

from trunkline.cli.data_dir import locked
from trunkline.cli.errors import CommandError
from trunkline.cli.passwords import Source, new_password
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import configure_logs
from trunkline.core import installation
from trunkline.core.settings import CoreSettings


def reset_password(settings: CoreSettings, email: str, source: Source) -> None:
    """Give an account a new password; a generated one goes to standard output, alone on its line.

    The account's tokens end. Raises CommandError if there is no such account, or a server runs on the data directory.
    """
    if not settings.database and not (settings.data_dir / installation.DATABASE_FILE).exists():
        raise CommandError(f"There is no installation in {settings.data_dir}: name its directory with --data-dir.")
    configure_logs(settings.log_level, settings.log_format)
    with locked(settings.data_dir):
        password = new_password(source)
        try:
            asyncio.run(installation.reset_password(settings, email, password))
        except TrunklineError as error:
            raise CommandError(f"{error.message}.") from None
    if source == "generated":
        print(f"The new password of {email}, shown only this once:", file=sys.stderr)
        print(password)
    else:
        print(f"{email} has its new password.", file=sys.stderr)
