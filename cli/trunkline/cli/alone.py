"""`trunkline core`, `facade` and `transport NAME`: one part in this process, supervised by somebody else."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

from pydantic_settings import BaseSettings

from trunkline.cli import ready
from trunkline.cli.data_dir import locked
from trunkline.cli.errors import CommandError
from trunkline.cli.parts import log_settings, make, settings_of
from trunkline.cli.ports import claim_ports
from trunkline.cli.running import run
from trunkline.cli.settings import commented, read, refuse_public_demo
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import configure_logs
from trunkline.core.settings import CoreSettings

LOOPBACK: Final = "127.0.0.1"


def settings_for(name: str, given: Mapping[str, Any]) -> list[BaseSettings]:
    """A part's settings; each of the options goes to the class that has it. Raises SettingsError."""
    return [
        read(kind, **{option: value for option, value in given.items() if option in kind.model_fields})
        for kind in settings_of(name)
    ]


def print_settings(settings: list[BaseSettings]) -> None:
    """Print the settings as a commented .env file."""
    print("\n".join(map(commented, settings)))


def run_alone(name: str, settings: list[BaseSettings], ports: Mapping[str, str]) -> int:
    """Run the part until SIGTERM, Ctrl-C or its own end; the exit code. Raises CommandError if it cannot start.

    `ports` maps the options that set ports to the names of the settings.
    """
    demo = False
    with ExitStack() as held:
        core = settings[0]
        if isinstance(core, CoreSettings):
            demo = core.demo
            _keep_demo_at_home(core)
            held.enter_context(locked(core.data_dir))
        _claim(settings, ports)
        configure_logs(*log_settings(settings))
        try:
            return run(lambda: make(name, settings), lambda facts: _say(ready.text(facts, demo=demo)))
        except (TrunklineError, OSError) as error:
            raise CommandError(str(error)) from error


def _keep_demo_at_home(core: CoreSettings) -> None:
    if core.demo:
        try:
            refuse_public_demo(core.host)
        except ValueError as error:
            raise CommandError(f"{error}.") from None


def _claim(settings: list[BaseSettings], ports: Mapping[str, str]) -> None:
    for option, name in ports.items():
        for some in settings:
            port = getattr(some, name, 0)
            if port > 0:
                claim_ports(getattr(some, "host", LOOPBACK), {option: port})


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
