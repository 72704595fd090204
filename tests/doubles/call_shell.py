"""A shell around one device's call machine for tests: performs effects, keeps time, writes down what happened."""

from collections.abc import Sequence

from trunkline.core.calls.late import LateTable
from trunkline.core.calls.machine import DeviceCalls
from trunkline.core.calls.model import (
    Call,
    CloseSession,
    Complete,
    Deliver,
    Effect,
    Fetch,
    Finished,
    Keep,
    Keeping,
    Noted,
    Redelivery,
    State,
    Strategy,
    StrayReply,
    WakeAt,
    Withdraw,
)
from trunkline.core.calls.request_ids import RequestIds
from trunkline.core.calls.row_states import ended_state, living_state
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome, Step
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, SessionKind

DEVICE = b"d" * 16
ACKNOWLEDGEMENTS = {
    False: Acknowledgement.ACKNOWLEDGEMENT_IMPLIED,
    True: Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT,
}
REPORTS = {
    "delivered": DeliveryState.DELIVERY_STATE_DELIVERED,
    "not-acknowledged": DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED,
    "not-sent": DeliveryState.DELIVERY_STATE_NOT_SENT,
}
TAKEN_UP = {
    CallState.CALL_STATE_QUEUED: State.QUEUED,
    CallState.CALL_STATE_SENT: State.SENT,
    CallState.CALL_STATE_TIMEOUT: State.UNACKNOWLEDGED,
    CallState.CALL_STATE_DELIVERED: State.DELIVERED,
}
"""What a core that starts knows of a call whose row says this."""
KINDS = {
    "asynchronous": SessionKind.SESSION_KIND_ASYNCHRONOUS,
    "poll": SessionKind.SESSION_KIND_SYNCHRONOUS,
    "one-shot": SessionKind.SESSION_KIND_ONE_SHOT,
}


class CallShell:
    """Calls and sessions have names here; `log` takes one line per effect and per change of a call's state."""

    def __init__(
        self,
        *,
        sessions: int = 1,
        pending: int = 1000,
        grace_ms: int = 0,
        start: int = 1,
        late: LateTable | None = None,
        stored: int = 1000,
        backoff_ms: int = 1000,
        response_ms: int = 30_000,
        close_sessions: bool = False,
    ) -> None:
        self.now = 0
        self.log: list[str] = []
        self.calls: dict[str, Call] = {}
        self.names: dict[int, str] = {}
        self.shown: dict[str, State] = {}
        self.ends: dict[str, list[Complete]] = {}
        self.held: set[str] = set()
        """Sessions whose link is clogged: what they are given can be taken back."""
        self.wake_at: int | None = None
        self.kept: dict[str, int] = {}
        """The version of each call that the store was last asked to write."""
        self.finished: dict[str, list[Complete]] = {}
        self.wanted: tuple[Call, ...] = ()
        """What the store was asked to read, and has not."""
        self._limits = {
            "max_sessions": sessions,
            "max_pending": pending,
            "grace_until_ms": grace_ms,
            "max_stored": stored,
            "retry_backoff_ms": backoff_ms,
            "response_timeout_ms": response_ms,
        }
        self._close_sessions = close_sessions
        self.machine = self.new_machine(start, late)

    def new_machine(self, start: int, late: LateTable | None = None) -> DeviceCalls:
        """The machine of the core's so many-th start."""
        late = late if late is not None else LateTable()
        close_sessions = self._close_sessions
        return DeviceCalls(DEVICE, RequestIds(start), late, close_on_delivery_timeout=close_sessions, **self._limits)

    def call(
        self,
        name: str,
        *,
        one_way: bool = False,
        await_delivery: bool = False,
        fail_fast: bool = False,
        timeout_ms: int = 10_000,
        redelivery: Redelivery = Redelivery.UNANSWERED,
        strategy: Strategy | None = None,
        retries: int = 5,
        body_bytes: int = 3,
    ) -> Call:
        """Submit a call; one with a strategy is a stored one."""
        call = Call(
            call_id=name.encode(),
            device_id=DEVICE,
            tenant_id=b"t" * 16,
            kind=CallKind.CALL_KIND_ONE_WAY if one_way or await_delivery else CallKind.CALL_KIND_TWO_WAY,
            method="m",
            params=b"{}",
            deadline_ms=self.now + timeout_ms,
            owner=name,
            fail_fast=fail_fast,
            await_delivery=await_delivery,
            redelivery=redelivery,
        )
        if strategy is not None:
            ordinal = len(self.calls) + 1
            call.keeping = Keeping(ordinal, self.now, call.deadline_ms, strategy, retries, body_bytes)
            self.finished[name] = []
        self.calls[name] = call
        self.ends[name] = []
        effects = self.machine.submit(call, self.now)
        self.names[call.request_id] = name
        self.perform(effects)
        return call

    def hang_up(self, name: str) -> None:
        self.perform(self.machine.hang_up(self.calls[name].request_id, self.now))

    def cancel(self, name: str) -> None:
        self.perform(self.machine.cancel(self.calls[name].request_id, self.now))

    def stored(self, name: str, version: int = 0) -> None:
        """The row is committed as it was kept last, or with an earlier version."""
        version = version or self.kept[name]
        self.perform(self.machine.stored(self.calls[name].request_id, version, self.now))

    def not_stored(self, name: str, unknown: bool = False) -> None:
        self.perform(self.machine.not_stored(self.calls[name].request_id, unknown, self.now))

    def drop(self, name: str) -> None:
        self.perform(self.machine.dropped(self.calls[name].request_id))

    def remove(self, name: str) -> None:
        self.perform(self.machine.removed(self.calls[name].request_id, self.now))

    def take_up(self, name: str, row: CallState.ValueType) -> Call:
        """A core that just started finds the call's row in this state, at the version that was kept last."""
        before = self.calls[name]
        kept = before.keeping
        assert kept is not None
        version = self.kept.get(name, kept.version)
        keeping = Keeping(
            kept.ordinal, kept.create_unix_ms, kept.expire_unix_ms, kept.strategy, kept.max_retries, kept.body_bytes,
            loaded=False, version=version, committed=version, timeouts=kept.timeouts,
        )  # fmt: skip  # one argument a line says less
        call = Call(
            before.call_id, before.device_id, before.tenant_id, before.kind, "", b"", before.deadline_ms, name,
            redelivery=before.redelivery, keeping=keeping, request_id=before.request_id, state=TAKEN_UP[row],
        )  # fmt: skip  # the same
        self.calls[name], self.shown[name], self.kept[name] = call, call.state, version
        self.perform(self.machine.taken_up(call, self.now))
        return call

    def fetched(self) -> None:
        """The store has read what it was asked for."""
        wanted, self.wanted = self.wanted, ()
        for call in wanted:
            assert call.keeping is not None
            call.method, call.params, call.keeping.loaded = "m", b"{}", True
        self.perform(self.machine.fetched([call.request_id for call in wanted], self.now))

    def open(self, session: str, epoch: int = 1, kind: str = "asynchronous", slots: int = 16) -> None:
        self.perform(self.machine.session_opened(session, epoch, KINDS[kind], slots, self.now))

    def subscribe(self, session: str, explicit: bool = False) -> None:
        self.perform(self.machine.session_subscribed(session, ACKNOWLEDGEMENTS[explicit], self.now))

    def unsubscribe(self, session: str) -> None:
        self.perform(self.machine.session_unsubscribed(session, self.now))

    def suspend(self, session: str) -> None:
        self.perform(self.machine.session_suspended(session, self.now))

    def unsuspend(self, session: str) -> None:
        self.perform(self.machine.session_unsuspended(session, self.now))

    def resume(
        self,
        session: str,
        epoch: int = 1,
        kind: str = "asynchronous",
        subscribed: bool = True,
        explicit: bool = False,
        slots: int = 16,
        open: tuple[int, ...] = (),
    ) -> None:
        acknowledgement = ACKNOWLEDGEMENTS[explicit]
        self.perform(
            self.machine.session_resumed(
                session, epoch, KINDS[kind], subscribed, acknowledgement, slots, open, self.now
            )
        )

    def close(self, session: str) -> None:
        self.perform(self.machine.session_closed(session, self.now))

    def written(self, session: str, name: str) -> None:
        self.perform(self.machine.written(session, self.calls[name].request_id, self.now))

    def not_written(self, session: str, name: str) -> None:
        self.perform(self.machine.not_written(session, self.calls[name].request_id, self.now))

    def report(self, session: str, name: str, state: str) -> None:
        self.perform(self.machine.reported(session, self.calls[name].request_id, REPORTS[state], self.now))

    def reply(self, name: str, payload: bytes = b"{}") -> None:
        self.perform(self.machine.replied(self.calls[name].request_id, payload, None, self.now))

    def reply_error(self, name: str, error: str) -> None:
        self.perform(self.machine.replied(self.calls[name].request_id, b"", error, self.now))

    def reply_id(self, request_id: int) -> None:
        self.perform(self.machine.replied(request_id, b"{}", None, self.now))

    def delete(self) -> None:
        self.perform(self.machine.deleted(self.now))

    def drain(self) -> None:
        self.perform(self.machine.drained(self.now))

    def tick(self, ms: int) -> None:
        """Let time pass; the machine is woken when it asked to be."""
        end = self.now + ms
        while self.wake_at is not None and self.wake_at <= end:
            self.now = max(self.now, self.wake_at)
            self.wake_at = None
            self.perform(self.machine.passed(self.now))
        self.now = end

    def perform(self, effects: Sequence[Effect]) -> None:
        """Do what the machine decided, in order, then note how the calls' states changed."""
        for effect in effects:
            self._perform_one(effect)
        for name, call in self.calls.items():
            before = self.shown.get(name)
            if call.state is not before and call.request_id:
                self.log.append(f"{name} {call.state}" if before is None else f"{name} {before} -> {call.state}")
                self.shown[name] = call.state

    def _perform_one(self, effect: Effect) -> None:
        match effect:
            case Deliver(session, call, prompt):
                self.log.append(f"deliver {self.name(call.request_id)} to {session}{' prompt' if prompt else ''}")
            case Withdraw(session, request_id):
                was_written = self.was_written(session, request_id)
                said = "was written" if was_written else "taken back"
                self.log.append(f"withdraw {self.name(request_id)} from {session}: {said}")
                self.perform(self.machine.withdrawn(session, request_id, was_written, self.now))
            case Complete(call):
                self.log.append(f"{call.owner} ends {_ending(effect)}")
                self.ends[str(call.owner)].append(effect)
            case CloseSession(session, reason):
                self.log.append(f"close {session} {ErrorReason.Name(reason).removeprefix('ERROR_REASON_')}")
            case WakeAt(at_ms):
                self.wake_at = at_ms
            case StrayReply(request_id, stray):
                self.log.append(f"stray reply {self.name(request_id)} {stray}")
            case Keep(call):
                assert call.keeping is not None
                name = self.name(call.request_id)
                self.kept[name] = call.keeping.version
                self.log.append(f"keep {name} {call.keeping.version} {_row(call)}")
            case Fetch(calls):
                assert not self.wanted
                self.wanted = calls
                self.log.append(f"fetch {' '.join(self.name(call.request_id) for call in calls)}")
            case Finished(end):
                self.log.append(f"{end.call.owner} finished {_ending(end)}")
                self.finished[str(end.call.owner)].append(end)
            case Noted(call, step, session, detail):
                if session is None and call.keeping is not None:
                    words = Step.Name(step).removeprefix("STEP_").lower().replace("_", " ")
                    self.log.append(f"{self.name(call.request_id)}: {words}{', ' if detail else ''}{detail}")
            case _:
                raise AssertionError(effect)

    def was_written(self, session: str, request_id: int) -> bool:
        """Whether a delivery has left the outbox."""
        return session not in self.held

    def name(self, request_id: int) -> str:
        """The call's name, or the number if no call of this shell has it."""
        return self.names.get(request_id, f"#{request_id}")


def _row(call: Call) -> str:
    """What the call's row shows once it is written."""
    assert call.keeping is not None
    end = call.keeping.end
    state = living_state(call) if end is None else ended_state(end.outcome)
    return CallState.Name(state).removeprefix("CALL_STATE_")


def _ending(done: Complete) -> str:
    words = [Outcome.Name(done.outcome).removeprefix("OUTCOME_")]
    if done.reason:
        words.append(ErrorReason.Name(done.reason).removeprefix("ERROR_REASON_"))
    if done.cause:
        words.append(Cause.Name(done.cause).removeprefix("CAUSE_"))
    if done.payload:
        words.append(done.payload.decode())
    if done.detail:
        words.append(repr(done.detail))
    return " ".join(words)
