"""A part as a child of `trunkline serve`: `python -m trunkline.cli.child NAME`, its settings in the environment."""

import asyncio
import sys
from dataclasses import asdict

from trunkline.cli.errors import CommandError
from trunkline.cli.lifeline import announce_ready, die_with_parent, watch_parent
from trunkline.cli.parts import log_settings, make, settings_of
from trunkline.cli.ready import Facts
from trunkline.cli.running import run
from trunkline.cli.settings import read
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import configure_logs


def main(name: str) -> int:
    """Run the part until the parent says so, or is gone; the exit code."""
    die_with_parent()
    try:
        settings = [read(kind) for kind in settings_of(name)]
        configure_logs(*log_settings(settings))
        return run(lambda: make(name, settings), _announce, lambda: watch_parent(asyncio.get_running_loop()))
    except (CommandError, TrunklineError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _announce(facts: Facts) -> None:
    announce_ready(asdict(facts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
