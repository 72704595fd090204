"""The steps of a stored call that its row lacks: small, since many calls wait at once, and handed out to be written.

That it was taken up, and what it waits for, is one integer, `Keeping.waits`, as long as it is the last that happened;
with a step behind them they become steps like all others.
"""

from typing import Final

from trunkline.core.calls.model import Call, Keeping
from trunkline.core.calls.stored import WAITS_FOR, keeping_of
from trunkline.core.journal.timeline import MAX_STEPS, TimelineEntry, end_text, entries, lines
from trunkline.v1.call_pb2 import Outcome, Step

_ACCEPTED: Final = Step.STEP_ACCEPTED
_WAITING: Final = Step.STEP_WAITING

_TAKEN_UP: Final = Step.STEP_TAKEN_UP

_WAITS: Final = ("", *WAITS_FOR.values())
_REASON: Final = 0x7
"""The bits of `waits` that say what it waits for: a place in `_WAITS`."""
_INHERITED: Final = 0x8
"""The bit that says that it was taken up at the same time."""
_BITS: Final = 4
"""So many, and behind them the time in Unix milliseconds."""

_ALL: Final = 1 << 20
"""Steps that are counted as saved once the end is."""

_NS_PER_MS: Final = 1_000_000


def note(call: Call, unix_ns: int, step: Step.ValueType, detail: str) -> None:
    """Something happened to the call. Beyond `MAX_STEPS` it is not told."""
    keeping = keeping_of(call)
    notes = call.steps or []
    if keeping.saved_steps + len(notes) >= MAX_STEPS:
        return
    at = unix_ns // _NS_PER_MS << _BITS
    if step == _TAKEN_UP and not notes:
        keeping.waits = at | _INHERITED
        return
    reason = _WAITS.index(detail) if step == _WAITING and detail in _WAITS else 0
    if reason and keeping.waits == at | _INHERITED:
        keeping.waits |= reason
        return
    if keeping.waits:
        notes += [(packed.unix_ms * _NS_PER_MS, packed.step, packed.detail) for packed in _packed(keeping)]
        keeping.waits = 0
    if reason:
        keeping.waits = at | reason
    else:
        notes.append((unix_ns, step, detail))
    call.steps = notes or None


def unsaved(call: Call) -> list[TimelineEntry]:
    """The steps that were not handed out yet."""
    return entries(call.steps or ()) + _packed(keeping_of(call))


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


def _packed(keeping: Keeping) -> list[TimelineEntry]:
    """The steps that `waits` stands for."""
    steps = []
    unix_ms = keeping.waits >> _BITS
    if keeping.waits & _INHERITED:
        steps.append(TimelineEntry(unix_ms, _TAKEN_UP))
    if reason := keeping.waits & _REASON:
        steps.append(TimelineEntry(unix_ms, _WAITING, _WAITS[reason]))
    return steps
