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
from trunkline.core.calls.stored import WAITS_FOR, keeping_of
from trunkline.core.journal.explained import ExplainedCall, ExplainedCalls
from trunkline.core.journal.ring import CallEvent, Ring
from trunkline.core.journal.timeline import (
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
_STORED: Final = Step.STEP_STORED
_WAITING: Final = Step.STEP_WAITING
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

_WAITS: Final = tuple(WAITS_FOR.values())


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
            self._tell(
                CallEvent(now, call.tenant_id, call.device_id, call.call_id, call.method, call.kind, False, _QUEUED)
            )

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
            self._tell(
                CallEvent(
                    now,
                    call.tenant_id,
                    call.device_id,
                    call.call_id,
                    call.method,
                    call.kind,
                    False,
                    state or living_state(call),
                )
            )

    def ended(self, done: Complete) -> None:
        """Its caller gets this answer: the end of a lightweight call, and of a stored one that was refused."""
        call, now = done.call, self._now_ns()
        outcome = done.outcome
        if call.keeping is None:
            state = ended_state(outcome)
            self._tell(
                CallEvent(
                    now,
                    call.tenant_id,
                    call.device_id,
                    call.call_id,
                    call.method,
                    call.kind,
                    False,
                    state,
                    outcome,
                    done.cause,
                )
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
        call = self.explained.of_request(device_id, request_id)
        if call is None or call.late_reply is not None:
            return
        now = self._now_ns()
        call.late_reply = payload
        call.add(TimelineEntry(now // 1_000_000, Step.STEP_LATE_REPLY))
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
                row.method,
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
        deleted = CallState.CALL_STATE_DELETED
        self._tell(CallEvent(self._now_ns(), tenant_id, device_id, call_id, method, kind, True, deleted))

    # --- what is known ---

    def now_unix_ms(self) -> int:
        """The wall clock."""
        return self._now_ns() // 1_000_000

    def find_explained(self, tenant_id: bytes, call_id: bytes) -> ExplainedCall | None:
        """The lightweight call of this id, if it failed a while ago."""
        return self.explained.find(tenant_id, call_id, self.now_unix_ms())

    # --- timelines ---

    def take_steps(self, call: Call) -> str:
        """What a stored call's timeline in its row does not have yet, as whole lines; from now on it counts as written.

        The first time, before the row exists, it says that the call is stored: it will be read only if that is so.
        """
        keeping = keeping_of(call)
        taken = self.unsaved(call)
        now_ms = self.now_unix_ms()
        if taken and taken[0].step == _ACCEPTED:
            taken.append(TimelineEntry(now_ms, _STORED))
        end = keeping.end
        if end is not None and keeping.saved_steps <= MAX_STEPS:
            if end.outcome == Outcome.OUTCOME_SUCCEEDED:
                taken.append(TimelineEntry(now_ms, Step.STEP_REPLIED))
            taken.append(TimelineEntry(now_ms, Step.STEP_ENDED, end_text(end)))
            keeping.saved_steps = MAX_STEPS + 1  # its last step
        else:
            keeping.saved_steps += len(taken)
        call.steps, keeping.waits = None, 0
        return lines(taken)

    def unsaved(self, call: Call) -> list[TimelineEntry]:
        """The steps of a living call that are in no row."""
        steps = entries(call.steps or ())
        if call.keeping is not None and call.keeping.waits:
            unix_ms, wait = divmod(call.keeping.waits, 8)
            steps.append(TimelineEntry(unix_ms, _WAITING, _WAITS[wait]))
        return steps

    def _noted(self, call: Call, step: Step.ValueType, detail: str) -> None:
        """As `noted`, off the hot path."""
        now = self._now_ns()
        over = call.keeping is None and call.steps is None
        self._note(call, now, step, detail)
        state = _CHANGES.get(step)
        if state is not None and not over:
            self._tell(_event(call, now, state or living_state(call)))

    def _note(self, call: Call, now: int, step: Step.ValueType, detail: str) -> None:
        """Remember a step of a stored call, or of a lightweight one that ended."""
        keeping = call.keeping
        if keeping is None:
            self._note_lightweight(call, now, step, detail)
            return
        steps = call.steps
        if keeping.saved_steps + (len(steps) if steps else 0) >= MAX_STEPS:
            return
        if keeping.waits:
            unix_ms, wait = divmod(keeping.waits, 8)
            keeping.waits = 0
            steps = _with(steps, (unix_ms * 1_000_000, _WAITING, _WAITS[wait]))
        if step == _WAITING and detail in _WAITS:
            keeping.waits = now // 1_000_000 * 8 + _WAITS.index(detail)
        else:
            steps = _with(steps, (now, step, detail))
        call.steps = steps

    def _note_lightweight(self, call: Call, now: int, step: Step.ValueType, detail: str) -> None:
        if call.steps is not None:
            if len(call.steps) < MAX_STEPS:
                call.steps.append((now, step, detail))
            return
        kept = self.explained.find(call.tenant_id, call.call_id, now // 1_000_000)
        if kept is not None:
            kept.add(TimelineEntry(now // 1_000_000, step, detail))

    def _explain(self, done: Complete, now: int) -> None:
        """Keep what is left of a call that ended without success."""
        call, now_ms = done.call, now // 1_000_000
        steps = self.unsaved(call)
        steps.append(TimelineEntry(now_ms, Step.STEP_ENDED, end_text(done)))
        call.steps = None  # what follows is noted with what is kept
        self.explained.keep(
            ExplainedCall(
                tenant_id=call.tenant_id,
                call_id=call.call_id,
                device_id=call.device_id,
                request_id=call.request_id,
                kind=call.kind,
                method=call.method,
                redelivery=call.redelivery,
                persistent=call.keeping is not None,
                outcome=done.outcome,
                reason=done.reason,
                cause=done.cause,
                detail=done.detail,
                create_unix_ms=steps[0].unix_ms,
                expire_unix_ms=now_ms + call.deadline_ms - self._clock(),
                end_unix_ms=now_ms,
                steps=steps,
            )
        )


_Notes = list[tuple[int, Step.ValueType, object]]


def _with(steps: "_Notes | None", note: "tuple[int, Step.ValueType, object]") -> "_Notes":
    if steps is None:
        return [note]
    steps.append(note)
    return steps


def _event(call: Call, now: int, state: CallState.ValueType, end: Complete | None = None) -> CallEvent:
    outcome, cause = (end.outcome, end.cause) if end is not None else (_NO_OUTCOME, _NO_CAUSE)
    persistent = call.keeping is not None
    return CallEvent(
        now, call.tenant_id, call.device_id, call.call_id, call.method, call.kind, persistent, state, outcome, cause
    )
