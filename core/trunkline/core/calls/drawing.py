"""Draws the rules: the diagram and the tables in core/README.md are made here, from the very data the machine uses.

`python -m trunkline.core.calls.drawing` prints them.
"""

from typing import Final

from trunkline.core.calls.model import Fact, State, Strategy, Wants
from trunkline.core.calls.row_states import LIVING
from trunkline.core.calls.rules import ANSWERED, GIVEN_UP, MISSING, RULES, SATISFIED
from trunkline.core.calls.strategy import HOLDS
from trunkline.v1.call_pb2 import CallState, Outcome
from trunkline.v1.error_pb2 import Cause

UNSEEN: Final = frozenset({State.STORING, State.QUEUED})
"""States of a call that no session was given: a reply to it is none."""


def diagram() -> str:
    """The table of states and facts as a Mermaid state diagram; facts that change nothing are left out."""
    lines = [
        "stateDiagram-v2",
        f"    [*] --> {State.QUEUED}: lightweight",
        f"    [*] --> {State.STORING}: stored",
    ]
    for state, facts in RULES.items():
        labels: dict[State, list[str]] = {}
        for fact, after in facts.items():
            if after is not state:
                labels.setdefault(after, []).append(fact)
        lines += [f"    {state} --> {after}: {', '.join(names)}" for after, names in labels.items()]
        satisfied = [(wants, wanted[state]) for wants, wanted in SATISFIED.items() if state in wanted]
        ends = [f"{_outcome(outcome)} if it wants {wants}" for wants, outcome in satisfied]
        if state not in UNSEEN:
            ends.append(f"reply, {_outcome(ANSWERED[Wants.REPLY])}")
        lines.append(f"    {state} --> [*]: {' / '.join([*ends, 'deadline, EXPIRED'])}")
    return "```mermaid\n" + "\n".join(lines) + "\n```"


def rule_table() -> str:
    """What each fact makes of each state."""
    header = ["state \\ fact", *(fact.value for fact in Fact)]
    rows = [[f"**{state}**", *(_cell(state, facts.get(fact)) for fact in Fact)] for state, facts in RULES.items()]
    return _table(header, rows)


def ending_table() -> str:
    """What each caller of a lightweight call gets in each state: when it is satisfied, given up, or at its deadline."""
    header = ["state", *(f"wants {wants}" for wants in Wants)]
    states = [state for state in State if state is not State.STORING]
    return _table(header, [[f"**{state}**", *(_ending(state, wants) for wants in Wants)] for state in states])


def strategy_table() -> str:
    """Of stored calls: what the row says in each state, and whether a call holds the stored calls behind it."""
    header = ["state", "row", *(f"{strategy} holds" for strategy in Strategy)]
    return _table(header, [[f"**{state}**", _row(state), *(_holds(state, one) for one in Strategy)] for state in State])


def _row(state: State) -> str:
    name = CallState.Name(LIVING[state]).removeprefix("CALL_STATE_")
    return f"{name}, TIMEOUT if the acknowledgement timed out" if state is State.UNACKNOWLEDGED else name


def _holds(state: State, strategy: Strategy) -> str:
    return "yes" if state in HOLDS[strategy] else "·"


def _cell(state: State, after: State | None) -> str:
    if after is None:
        return " "
    return "·" if after is state else str(after)


def _ending(state: State, wants: Wants) -> str:
    satisfied = SATISFIED[wants].get(state)
    if satisfied is not None:
        return _outcome(satisfied)
    parts = []
    if state is not State.QUEUED:
        parts.append(f"a reply: {_outcome(ANSWERED[wants])}")
        parts.append(f"deadline: {_cause(MISSING[state][wants])}")
    else:
        parts.append("deadline: DEVICE_OFFLINE, DEVICE_NOT_SUBSCRIBED or DEVICE_BUSY")
    given_up = GIVEN_UP[wants].get(state)
    if given_up is not None:
        parts.append(f"redelivery never: UNKNOWN, {_cause(given_up)}")
    return "; ".join(parts)


def _outcome(outcome: Outcome.ValueType) -> str:
    return Outcome.Name(outcome).removeprefix("OUTCOME_")


def _cause(cause: Cause.ValueType) -> str:
    return Cause.Name(cause).removeprefix("CAUSE_")


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(diagram(), rule_table(), ending_table(), strategy_table(), sep="\n\n")
