"""How commands show what they found: JSON as the server has it, or tables and lists for people."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from trunkline.contract.ids import NO_ID_TEXT

Entity = dict[str, Any]

Columns = Mapping[str, Callable[[Entity], object]]
"""By title, what of an entity stands there."""

ID: Final = "ID"
"""Title of the column that is never folded, so that it can be copied."""

UNBOUNDED: Final = 100_000
"""Width of what goes into a file or another program: nothing is folded or cut there."""


@dataclass(frozen=True, slots=True)
class Output:
    """Results go to standard output, everything else to standard error, so that results can be passed on."""

    as_json: bool = False

    def several(self, entities: Sequence[Entity], columns: Columns) -> None:
        """A list: a JSON array, or a table."""
        if self.as_json:
            self.json(entities)
            return
        table = _table()
        for title in columns:
            table.add_column(title, header_style="bold", overflow="fold", no_wrap=title == ID)
        for entity in entities:
            table.add_row(*(_text(value(entity)) for value in columns.values()))
        _print(table)

    def one(self, entity: Entity, fields: Columns) -> None:
        """One entity: its JSON, or its fields one below the other; those without a value are left out."""
        if self.as_json:
            self.json(entity)
            return
        table = _table()
        table.show_header = False
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for title, value in fields.items():
            if shown := _text(value(entity)):
                table.add_row(title, shown)
        _print(table)

    def done(self, entity: Entity, text: str) -> None:
        """Something was done to an entity: its JSON, or that in words."""
        if self.as_json:
            self.json(entity)
        else:
            self.note(text)

    def json(self, value: Any) -> None:
        """JSON, indented."""
        text = json.dumps(value, indent=2, ensure_ascii=False)
        if sys.stdout.isatty():
            Console().print_json(text, ensure_ascii=False)
        else:
            print(text)

    def secret(self, title: str, text: str) -> None:
        """A secret that is shown only now: alone on its line, so that a script can take it."""
        self.note(title)
        print(text)

    def note(self, text: str) -> None:
        """What people may want to know."""
        print(printable(text), file=sys.stderr)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """A spinner for whoever looks at a terminal while something takes its time; nothing elsewhere."""
    console = Console(stderr=True)
    with console.status(Text(printable(text))) if console.is_terminal else nullcontext():
        yield


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for whoever looks at a terminal; it is told how far something is, and how much there is."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), console=console, disable=not console.is_terminal
    )
    task = bar.add_task(what, total=None)
    with bar:
        yield lambda done, total: bar.update(task, completed=done, total=total)


def id_of(entity: Entity) -> str:
    """An entity's id."""
    return str(entity["id"]["id"])


def reference(value: Mapping[str, str] | None) -> str:
    """The id in a reference; empty if it refers to nobody."""
    return "" if value is None or value["id"] == NO_ID_TEXT else value["id"]


def moment(unix_ms: int | None) -> str:
    """A time of this machine's clock; empty for never."""
    return datetime.fromtimestamp(unix_ms / 1000).astimezone().isoformat(" ", "seconds") if unix_ms else ""


def instant(unix_ms: int) -> str:
    """A time of this machine's clock to the millisecond, for what follows one another quickly."""
    return datetime.fromtimestamp(unix_ms / 1000).isoformat(" ", "milliseconds")


def printable(text: str) -> str:
    """A text whose characters all can be seen: names are other people's, and a terminal obeys what it is sent."""
    return "".join(letter if letter.isprintable() or letter == "\n" else f"\\u{ord(letter):04x}" for letter in text)


def _text(value: object) -> Text:
    match value:
        case None | "":
            return Text()
        case bool():
            return Text("yes" if value else "no")
        case _:
            return Text(printable(str(value)).replace("\n", "\\n"))


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _print(table: Table) -> None:
    """Folded to a terminal's width, and not at all elsewhere."""
    console = Console()
    console = console if console.is_terminal else Console(width=UNBOUNDED)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())
