"""The journal: told of all that happens to calls, it keeps their timelines, tells whoever watches, and remembers
lightweight calls that failed.

It stands on the hot path of every call, so a step costs little more than an append: texts are made when somebody reads
them. A stored call's timeline is in its row; what the row lacks is here, and small, since many calls wait at once.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from trunkline.contract.clock import Clock, monotonic_ms
from trunkline.core.calls.model import Call, Complete
from trunkline.core.calls.row_states import ended_state, living_state
from trunkline.core.journal import stored_steps
from trunkline.core.journal.explained import ExplainedCall, ExplainedCalls
from trunkline.core.journal.ring import LONGEST_METHOD, CallEvent, Ring
from trunkline.core.journal.timeline import (
    LONGEST_DETAIL,
    MAX_STEPS,
    TimelineEntry,
    described,
    end_text,
    entries,
    lines,
)
from trunkline.core.store.call_rows import StoredCall
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome, Step
from trunkline.v1.error_pb2 import Cause

# Bound once: looking up a member of a generated enum costs more than a step.
_ACCEPTED: Final = Step.STEP_ACCEPTED
_ROUTED: Final = Step.STEP_ROUTED
_QUEUED: Final = CallState.CALL_STATE_QUEUED

_NO_OUTCOME: Final = Outcome.OUTCOME_UNSPECIFIED
_NO_CAUSE: Final = Cause.CAUSE_UNSPECIFIED

_AS_IT_STANDS: Final = CallState.CALL_STATE_UNSPECIFIED

_CHANGES: Final[Mapping[Step.ValueType, CallState.ValueType]] = {
    Step.STEP_SENT: CallState.CALL_STATE_SENT,
    Step.STEP_DELIVERED: CallState.CALL_STATE_DELIVERED,
    Step.STEP_NOT_SENT: _AS_IT_STANDS,
    Step.STEP_NOT_ACKNOWLEDGED: _AS_IT_STANDS,
    Step.STEP_WORKER_LOST: _AS_IT_STANDS,
}
"""The steps that may change a call's state, and to what."""

_SUCCESSES: Final = frozenset({Outcome.OUTCOME_SENT, Outcome.OUTCOME_DELIVERED, Outcome.OUTCOME_SUCCEEDED})
"""Of lightweight calls: nobody asks why."""


class Journal:
    """`max_events` and `max_explained` bound what is remembered, failed lightweight calls for `explain_ms`."""

    def __init__(
        self,
        *,
        max_events: int = 100_000,
        max_explained: int = 10_000,
        explain_ms: int = 600_000,
        now_ns: Callable[[], int] = time.time_ns,
        clock: Clock = monotonic_ms,
    ) -> None:
        """`now_ns` is the wall clock in nanoseconds, `clock` the one of deadlines."""
        self.ring = Ring(max_events)
        self.explained = ExplainedCalls(max_explained, explain_ms)
        self._now_ns = now_ns
        self._clock = clock
        self._tell = self.ring.append

    # --- what happens to a call ---

    def accepted(self, call: Call) -> None:
        """It was let in."""
        now = self._now_ns()
        call.steps = [(now, _ACCEPTED, "")]
        if call.keeping is None:
            method = call.method
            if len(method) > LONGEST_METHOD:
                method = method[:LONGEST_METHOD]
            self._tell(CallEvent(now, call.tenant_id, call.device_id, call.call_id, method, call.kind, False, _QUEUED))

    def stored(self, call: Call) -> None:
        """Its row is committed for the first time: it may be told of. Its timeline in the row says so itself."""
        self._tell(_event(call, self._now_ns(), _QUEUED))

    def routed(self, call: Call, session: object) -> None:
        """It was given to a session's link."""
        steps = call.steps
        if steps is not None and call.keeping is None and len(steps) < MAX_STEPS:
            steps.append((self._now_ns(), _ROUTED, session))
        else:
            self._note(call, self._now_ns(), _ROUTED, described(session))

    def noted(self, call: Call, step: Step.ValueType, session: object = None, detail: str = "") -> None:
        """Its machine says that this happened; `session`: None if it is about none."""
        steps = call.steps
        if steps is None or call.keeping is not None or detail or len(steps) >= MAX_STEPS:
            self._noted(call, step, described(session, detail))
            return
        now = self._now_ns()
        steps.append((now, step, session))
        state = _CHANGES.get(step)
        if state is not None:
            method = call.method
            if len(method) > LONGEST_METHOD:
                method = method[:LONGEST_METHOD]
            state = state or living_state(call)
            self._tell(CallEvent(now, call.tenant_id, call.device_id, call.call_id, method, call.kind, False, state))

    def ended(self, done: Complete) -> None:
        """Its caller gets this answer: the end of a lightweight call, and of a stored one that was refused."""
        call, now = done.call, self._now_ns()
        outcome = done.outcome
        if call.keeping is None:
            method = call.method
            if len(method) > LONGEST_METHOD:
                method = method[:LONGEST_METHOD]
            tenant_id, kind, state = call.tenant_id, call.kind, ended_state(outcome)
            self._tell(
                CallEvent(now, tenant_id, call.device_id, call.call_id, method, kind, False, state, outcome, done.cause)
            )
            if outcome not in _SUCCESSES:
                self._explain(done, now)
        elif not call.keeping.committed and outcome == Outcome.OUTCOME_FAILED:
            self._explain(done, now)

    def finished(self, end: Complete) -> None:
        """The end of a stored call is committed, with what `take_steps` told of it."""
        end.call.steps = None
        self._tell(_event(end.call, self._now_ns(), ended_state(end.outcome), end))

    def late_reply(self, device_id: bytes, request_id: int, payload: bytes) -> None:
        """A reply came that may be a late one of a lightweight call; of stored ones `late_reply_stored` tells."""
        now = self._now_ns()
        step = TimelineEntry(now // 1_000_000, Step.STEP_LATE_REPLY)
        call = self.explained.add_late_reply(device_id, request_id, payload, step)
        if call is not None:
            self._tell(
                CallEvent(
                    now,
                    call.tenant_id,
                    device_id,
                    call.call_id,
                    call.method,
                    call.kind,
                    False,
                    ended_state(call.outcome),
                    call.outcome,
                    call.cause,
                    True,
                )
            )

    def late_reply_stored(self, row: StoredCall) -> None:
        """A late reply to this call is committed, with `late_steps` in its timeline."""
        self._tell(
            CallEvent(
                self._now_ns(),
                row.tenant_id,
                row.device_id,
                row.call_id,
                row.method[:LONGEST_METHOD],
                row.kind,
                True,
                row.state,
                row.outcome,
                row.cause,
                True,
            )
        )

    def late_steps(self) -> str:
        """What the timeline of a stored call is to say of a late reply that has just come."""
        return lines([TimelineEntry(self.now_unix_ms(), Step.STEP_LATE_REPLY)])

    def removed(
        self, tenant_id: bytes, device_id: bytes, call_id: bytes, method: str, kind: CallKind.ValueType
    ) -> None:
        """Somebody removed a stored call."""
        method, deleted = method[:LONGEST_METHOD], CallState.CALL_STATE_DELETED
        self._tell(CallEvent(self._now_ns(), tenant_id, device_id, call_id, method, kind, True, deleted))

    # --- what is known ---

    def now_unix_ms(self) -> int:
        """The wall clock."""
        return self._now_ns() // 1_000_000

    def find_explained(self, tenant_id: bytes, call_id: bytes) -> ExplainedCall | None:
        """The lightweight call of this id, if it failed a while ago."""
        return self.explained.find(tenant_id, call_id, self.now_unix_ms())

    def unsaved(self, call: Call) -> list[TimelineEntry]:
        """The steps of a living call that are in no row."""
        return entries(call.steps or ()) if call.keeping is None else stored_steps.unsaved(call)

    def take_steps(self, call: Call) -> str:
        """What a stored call's row lacks of its timeline, as whole lines; from now on it counts as written."""
        return stored_steps.take(call, self.now_unix_ms())

    # --- off the hot path ---

    def _noted(self, call: Call, step: Step.ValueType, detail: str) -> None:
        now = self._now_ns()
        over = call.keeping is None and call.steps is None
        self._note(call, now, step, detail)
        state = _CHANGES.get(step)
        if state is not None and not over:
            self._tell(_event(call, now, state or living_state(call)))

    def _note(self, call: Call, now: int, step: Step.ValueType, detail: str) -> None:
        if call.keeping is not None:
            stored_steps.note(call, now, step, detail)
        elif call.steps is None:
            self.explained.add(call, TimelineEntry(now // 1_000_000, step, detail))
        elif len(call.steps) < MAX_STEPS:
            call.steps.append((now, step, detail))

    def _explain(self, done: Complete, now: int) -> None:
        """Keep what is left of a call that ended without success, or was to be stored and is not."""
        call, now_ms = done.call, now // 1_000_000
        if call.keeping is not None:
            steps = [TimelineEntry(call.keeping.create_unix_ms, _ACCEPTED)]
        else:
            steps = entries(call.steps or ())
        steps.append(TimelineEntry(now_ms, Step.STEP_ENDED, end_text(done)))
        call.steps = None  # what follows is noted with what is kept
        self.explained.keep(
            ExplainedCall(
                tenant_id=call.tenant_id,
                call_id=call.call_id,
                device_id=call.device_id,
                request_id=call.request_id,
                kind=call.kind,
                method=call.method[:LONGEST_METHOD],
                redelivery=call.redelivery,
                persistent=call.keeping is not None,
                outcome=done.outcome,
                reason=done.reason,
                cause=done.cause,
                detail=done.detail[:LONGEST_DETAIL],
                create_unix_ms=steps[0].unix_ms,
                expire_unix_ms=now_ms + call.deadline_ms - self._clock(),
                end_unix_ms=now_ms,
                steps=steps,
            )
        )


def _event(call: Call, now: int, state: CallState.ValueType, end: Complete | None = None) -> CallEvent:
    return CallEvent(
        now,
        call.tenant_id,
        call.device_id,
        call.call_id,
        call.method[:LONGEST_METHOD],
        call.kind,
        call.keeping is not None,
        state,
        end.outcome if end is not None else _NO_OUTCOME,
        end.cause if end is not None else _NO_CAUSE,
    )
