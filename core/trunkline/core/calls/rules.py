"""The rules of a call's life as data: what each fact makes of each state, and what ends a call.

Nothing but `RULES` may change a call's state. core/README.md draws this table, and a test compares the two.
"""

from collections.abc import Mapping
from typing import Final

from trunkline.core.calls.model import Fact, State, Wants
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause

RULES: Final[Mapping[State, Mapping[Fact, State]]] = {
    State.STORING: {
        Fact.STORED: State.QUEUED,
    },
    State.QUEUED: {
        Fact.OFFER: State.OFFERED,
        Fact.WRITTEN: State.SENT,  # this and the next ones: by a packet from before it was put back
        Fact.DELIVERED: State.DELIVERED,
        Fact.NOT_SENT: State.QUEUED,
        Fact.NOT_ACKNOWLEDGED: State.QUEUED,
        Fact.LOST: State.QUEUED,
        Fact.OVER: State.QUEUED,
    },
    State.OFFERED: {
        Fact.OFFER: State.OFFERED,
        Fact.WRITTEN: State.SENT,
        Fact.DELIVERED: State.DELIVERED,
        Fact.NOT_SENT: State.OFFERED,
        Fact.NOT_ACKNOWLEDGED: State.SENT,
        Fact.LOST: State.UNSURE,
        Fact.OVER: State.QUEUED,  # all who had it say that it was not sent
    },
    State.UNSURE: {
        Fact.OFFER: State.UNSURE,
        Fact.WRITTEN: State.SENT,
        Fact.DELIVERED: State.DELIVERED,
        Fact.NOT_SENT: State.UNSURE,
        Fact.NOT_ACKNOWLEDGED: State.SENT,
        Fact.LOST: State.UNSURE,
        Fact.OVER: State.UNSURE,
    },
    State.SENT: {
        Fact.OFFER: State.SENT,
        Fact.WRITTEN: State.SENT,
        Fact.DELIVERED: State.DELIVERED,
        Fact.NOT_SENT: State.SENT,
        Fact.NOT_ACKNOWLEDGED: State.SENT,  # another session may still get it acknowledged
        Fact.LOST: State.SENT,
        Fact.OVER: State.UNACKNOWLEDGED,
    },
    State.UNACKNOWLEDGED: {
        Fact.OFFER: State.SENT,  # somebody has it again who may get it acknowledged
        Fact.WRITTEN: State.SENT,
        Fact.DELIVERED: State.DELIVERED,
        Fact.NOT_SENT: State.UNACKNOWLEDGED,
        Fact.NOT_ACKNOWLEDGED: State.UNACKNOWLEDGED,
        Fact.LOST: State.UNACKNOWLEDGED,
        Fact.OVER: State.UNACKNOWLEDGED,
        Fact.PUT_BACK: State.QUEUED,
    },
    State.DELIVERED: {
        Fact.OFFER: State.DELIVERED,
        Fact.WRITTEN: State.DELIVERED,
        Fact.DELIVERED: State.DELIVERED,
        Fact.NOT_SENT: State.DELIVERED,
        Fact.NOT_ACKNOWLEDGED: State.DELIVERED,
        Fact.LOST: State.DELIVERED,
        Fact.OVER: State.DELIVERED,
    },
}

SATISFIED: Final[Mapping[Wants, Mapping[State, Outcome.ValueType]]] = {
    Wants.SENDING: {
        State.SENT: Outcome.OUTCOME_SENT,
        State.UNACKNOWLEDGED: Outcome.OUTCOME_SENT,
        State.DELIVERED: Outcome.OUTCOME_SENT,
    },
    Wants.DELIVERY: {State.DELIVERED: Outcome.OUTCOME_DELIVERED},
    Wants.REPLY: {},
}
"""States in which a caller has what it wants; a two-way call ends with its reply alone."""

ANSWERED: Final[Mapping[Wants, Outcome.ValueType]] = {
    Wants.SENDING: Outcome.OUTCOME_SENT,
    Wants.DELIVERY: Outcome.OUTCOME_DELIVERED,
    Wants.REPLY: Outcome.OUTCOME_SUCCEEDED,
}
"""What a reply proves to each caller: the device that answers a one-way call must have got it."""

LEFT: Final = frozenset({State.UNSURE, State.UNACKNOWLEDGED})
"""States of a call which, once no session has it, is left to the device's next subscription."""

GIVEN_UP: Final[Mapping[Wants, Mapping[State, Cause.ValueType]]] = {
    Wants.SENDING: {State.UNSURE: Cause.CAUSE_WORKER_LOST},
    Wants.DELIVERY: {State.UNSURE: Cause.CAUSE_WORKER_LOST, State.UNACKNOWLEDGED: Cause.CAUSE_NO_ACK_FROM_DEVICE},
    Wants.REPLY: {State.UNSURE: Cause.CAUSE_WORKER_LOST},
}
"""Redelivery `never`: why a call that nobody has any more ends as UNKNOWN; a two-way call that was sent waits on."""

MISSING: Final[Mapping[State, Mapping[Wants, Cause.ValueType]]] = {
    State.OFFERED: dict.fromkeys(Wants, Cause.CAUSE_NO_ACK_FROM_WORKER),
    State.UNSURE: dict.fromkeys(Wants, Cause.CAUSE_NO_ACK_FROM_WORKER),
    State.SENT: {Wants.DELIVERY: Cause.CAUSE_NO_ACK_FROM_DEVICE, Wants.REPLY: Cause.CAUSE_NO_REPLY},
    State.UNACKNOWLEDGED: {Wants.DELIVERY: Cause.CAUSE_NO_ACK_FROM_DEVICE, Wants.REPLY: Cause.CAUSE_NO_REPLY},
    State.DELIVERED: {Wants.REPLY: Cause.CAUSE_NO_REPLY},
}
"""What an expired call lacked. QUEUED is absent: what was missing then is a matter of the device's sessions."""
