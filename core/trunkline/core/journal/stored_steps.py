"""The steps of a stored call that its row lacks: small, since many calls wait at once, and handed out to be written.

A last step of waiting is one integer, `Keeping.waits`; with a step behind it, it becomes a step like all others.
"""

from typing import Final

from trunkline.core.calls.model import Call, Keeping
from trunkline.core.calls.stored import WAITS_FOR, keeping_of
from trunkline.core.journal.timeline import MAX_STEPS, TimelineEntry, end_text, entries, lines
from trunkline.v1.call_pb2 import Outcome, Step

_ACCEPTED: Final = Step.STEP_ACCEPTED
_WAITING: Final = Step.STEP_WAITING

_WAITS: Final = tuple(WAITS_FOR.values())
_WAIT_BITS: Final = 3

_ALL: Final = 1 << 20
"""Steps that are counted as saved once the end is."""

_NS_PER_MS: Final = 1_000_000


def note(call: Call, unix_ns: int, step: Step.ValueType, detail: str) -> None:
    """Something happened to the call. Beyond `MAX_STEPS` it is not told."""
    keeping = keeping_of(call)
    notes = call.steps or []
    if keeping.saved_steps + len(notes) >= MAX_STEPS:
        return
    if keeping.waits:
        waited = _waited(keeping)
        notes.append((waited.unix_ms * _NS_PER_MS, waited.step, waited.detail))
        keeping.waits = 0
    if step == _WAITING and detail in _WAITS:
        keeping.waits = unix_ns // _NS_PER_MS << _WAIT_BITS | _WAITS.index(detail)
    else:
        notes.append((unix_ns, step, detail))
    call.steps = notes or None


def unsaved(call: Call) -> list[TimelineEntry]:
    """The steps that were not handed out yet."""
    keeping = keeping_of(call)
    steps = entries(call.steps or ())
    if keeping.waits:
        steps.append(_waited(keeping))
    return steps


def take(call: Call, unix_ms: int) -> str:
    """These steps as whole lines; from now on they count as written.

    The first time, before the row exists, they say that the call is stored: they will be read only if that is so. If
    the call has ended, they say that, and are its last.
    """
    keeping = keeping_of(call)
    taken = unsaved(call)
    if taken and taken[0].step == _ACCEPTED:
        taken.append(TimelineEntry(unix_ms, Step.STEP_STORED))
    keeping.saved_steps += len(taken)
    end = keeping.end
    if end is not None and keeping.saved_steps < _ALL:
        if end.outcome == Outcome.OUTCOME_SUCCEEDED:
            taken.append(TimelineEntry(unix_ms, Step.STEP_REPLIED))
        taken.append(TimelineEntry(unix_ms, Step.STEP_ENDED, end_text(end)))
        keeping.saved_steps = _ALL
    call.steps, keeping.waits = None, 0
    return lines(taken)


def _waited(keeping: Keeping) -> TimelineEntry:
    what_for = _WAITS[keeping.waits & (1 << _WAIT_BITS) - 1]
    return TimelineEntry(keeping.waits >> _WAIT_BITS, _WAITING, what_for)
