"""A call's timeline: how its steps are remembered, and the text in which a stored call's row keeps them.

A row has one line for each step, `"<Unix milliseconds> <number of the step> <detail>"`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, cast

from trunkline.contract.errors import cause_name
from trunkline.core.calls.model import Complete
from trunkline.v1.call_pb2 import Outcome, Step

MAX_STEPS: Final = 100
"""Steps of one call; of those beyond only its end is told."""

LONGEST_DETAIL: Final = 200
"""Characters."""

Note: TypeAlias = "tuple[int, Step.ValueType, object]"
"""Unix nanoseconds, step, detail: a text, or the session that the step is about, which is described when somebody
asks: most calls are forgotten before. None: no detail."""


class _Link(Protocol):
    worker_id: str


class _Session(Protocol):
    link: _Link
    handle: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One step, to be read."""

    unix_ms: int
    step: Step.ValueType
    detail: str = ""


def entries(notes: Iterable[Note]) -> list[TimelineEntry]:
    """The steps that these notes are of."""
    return [
        TimelineEntry(unix_ns // 1_000_000, step, detail if isinstance(detail, str) else described(detail))
        for unix_ns, step, detail in notes
    ]


def described(session: object, detail: str = "") -> str:
    """What a step's detail says of a session, or of none."""
    if session is None:
        return one_line(detail) if detail else ""
    if isinstance(session, str):
        place = session
    else:
        known = cast(_Session, session)
        place = f"{known.link.worker_id}, session {known.handle}"
    return one_line(f"{place}: {detail}") if detail else place


def end_text(end: Complete) -> str:
    """What the last step says of how a call ended."""
    outcome = Outcome.Name(end.outcome).removeprefix("OUTCOME_")
    parts = dict.fromkeys((outcome, cause_name(end.cause), end.detail))  # CANCELLED is an outcome and a cause
    return one_line(", ".join(part for part in parts if part))


def one_line(detail: str) -> str:
    """The detail as one line that any database takes, cut to its longest."""
    return " ".join(detail[:LONGEST_DETAIL].replace("\x00", " ").split())


def lines(steps: Iterable[TimelineEntry]) -> str:
    """The steps as a row keeps them."""
    return "".join(f"{entry.unix_ms} {entry.step} {entry.detail}\n" for entry in steps)


def read(timeline: str) -> list[TimelineEntry]:
    """The steps that a row keeps."""
    return [_read(line) for line in timeline.split("\n") if line]


def _read(line: str) -> TimelineEntry:
    unix_ms, step, detail = line.split(" ", 2)
    return TimelineEntry(int(unix_ms), cast("Step.ValueType", int(step)), detail)
