"""docs/command-line.md ends with every command and option, straight from the code, so that it cannot go stale.

What stands above its marker is written by hand; `REWRITE=1 make test ARGS=tests/test_command_line_page.py` writes the
rest anew.
"""

import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from trunkline.cli.commands.connected import PANEL
from trunkline.cli.imports.csv_file import COLUMNS
from trunkline.cli.main import app

PAGE: Final = Path(__file__).parent.parent / "docs" / "command-line.md"
MARKER: Final = "<!-- From here on written by tests/test_command_line_page.py. -->\n"

SHARED: Final = "#options-of-every-command-that-asks-a-server"

EVERYWHERE: Final = ("--url", "--token", "--user", "--password", "--json")
"""Options that commands share; told once."""

Command = Any
"""A command or parameter of typer, whose classes are its own affair; only attributes that help needs are read."""


def commands(command: Command, *words: str) -> Iterator[tuple[str, Command]]:
    """Every command that can be typed, by what is typed after `trunkline`."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield " ".join(words), command
    else:
        for word, subcommand in subcommands.items():
            yield from commands(subcommand, *words, word)


TRUNKLINE: Final[Command] = typer.main.get_command(app)
ALL: Final = dict(commands(TRUNKLINE))


def test_page_is_current() -> None:
    written, marker, generated = PAGE.read_text().partition(MARKER)
    assert marker, f"docs/command-line.md has lost its marker: {MARKER}"
    if os.environ.get("REWRITE"):
        PAGE.write_text(written + MARKER + reference())
        generated = reference()
    assert generated == reference(), "docs/command-line.md is not current: see this test's first lines"


def reference() -> str:
    """All commands in the order of `trunkline --help`, under its headings."""
    sections: dict[str, list[str]] = {}
    for words, command in ALL.items():
        panel = TRUNKLINE.commands[words.split()[0]].rich_help_panel
        sections.setdefault(panel, []).append(described(words, command))
    shared = [option for option in ALL["device list"].params if option.opts[0] in EVERYWHERE]
    whole = ["\n## Options of every command that asks a server\n\n", table("Option", shared)]
    for panel, texts in sections.items():
        whole += [f"\n## {panel}\n", *texts]
    return "".join(whole)


def described(words: str, command: Command) -> str:
    """One command: how it is typed, what it does, its arguments and options."""
    arguments = [param for param in command.params if not is_option(param)]
    options = [param for param in command.params if is_option(param) and not param.hidden]
    own = [option for option in options if not set(option.opts) & set(EVERYWHERE)]
    typed = " ".join(["trunkline", words, *map(argument, arguments), *(["[OPTIONS]"] if options else [])])
    text = re.sub(r"\n(?!\n)(?<!\n\n)", " ", inspect.cleandoc(command.help))
    parts = [f"\n### trunkline {words}\n\n```\n{typed}\n```\n\n{text}\n"]
    parts += [f"\n{table(title, params)}" for title, params in (("Argument", arguments), ("Option", own)) if params]
    if shared := [option.opts[0] for option in options if option not in own]:
        which = "all" if len(shared) == len(EVERYWHERE) else ", ".join(f"`{name}`" for name in shared)
        parts.append(f"\nAnd {which} of the [options of every command that asks a server]({SHARED}).\n")
    return "".join(parts)


def table(title: str, params: list[Command]) -> str:
    """Arguments or options as a Markdown table."""
    lines = [f"| {title} | Meaning |\n|---|---|\n"]
    for param in params:
        name = option(param) if is_option(param) else f"`{(param.metavar or param.name).upper()}`"
        lines.append(f"| {name} | {meaning(param)} |\n")
    return "".join(lines)


def is_option(param: Command) -> bool:
    return bool(param.opts[0].startswith("-"))


def argument(param: Command) -> str:
    """An argument as it stands in a usage line."""
    name = (param.metavar or param.name).upper()
    return name if param.required else f"[{name}]"


def option(param: Command) -> str:
    """An option's names, with what follows them."""
    follows = "" if param.is_flag else " " + (param.metavar or param.name.split("_")[-1].upper())
    return ", ".join(f"`{name}{follows}`" for name in (*param.opts, *param.secondary_opts))


def meaning(param: Command) -> str:
    """Help, default and environment variable."""
    variables = [param.envvar] if isinstance(param.envvar, str) else list(param.envvar or ())
    default = param.show_default if isinstance(param.show_default, str) else shown(param.default)
    notes = [f"default: {default}"] if default else []
    notes += [f"variable: {', '.join(f'`{variable}`' for variable in variables)}"] if variables else []
    return f"{param.help} ({'; '.join(notes)})" if notes else str(param.help)


def shown(default: object) -> str:
    """A default as one would type it; nothing for none and for a flag that is off."""
    return "" if default is None or default is False else f"`{default}`"


@pytest.mark.parametrize("words", ALL)
def test_every_option_says_what_it_does(words: str) -> None:
    command = ALL[words]
    assert command.help
    assert not [param.name for param in command.params if not param.help]
    # Rich takes brackets for its markup: what stands in them never gets to the reader.
    assert not [param.name for param in command.params if "[" in param.help]


@pytest.mark.parametrize("words", ALL)
def test_commands_that_ask_a_server_all_ask_alike(words: str) -> None:
    of_server = {param.opts[0] for param in ALL[words].params if getattr(param, "rich_help_panel", None) == PANEL}
    assert of_server <= set(EVERYWHERE)


def test_every_column_of_a_csv_file_is_told() -> None:
    assert not [title for title in COLUMNS if f"`{title}`" not in PAGE.read_text()]
