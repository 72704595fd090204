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
    Redelivery,
    State,
    StrayReply,
    WakeAt,
    Withdraw,
)
from trunkline.core.calls.request_ids import RequestIds
from trunkline.v1.call_pb2 import CallKind, Outcome
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
        self.machine = DeviceCalls(
            DEVICE,
            RequestIds(start),
            late if late is not None else LateTable(),
            max_sessions=sessions,
            max_pending=pending,
            grace_until_ms=grace_ms,
        )

    def call(
        self,
        name: str,
        *,
        one_way: bool = False,
        await_delivery: bool = False,
        fail_fast: bool = False,
        timeout_ms: int = 10_000,
        redelivery: Redelivery = Redelivery.UNANSWERED,
    ) -> Call:
        """Submit a call."""
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
        self.calls[name] = call
        self.ends[name] = []
        effects = self.machine.submit(call, self.now)
        self.names[call.request_id] = name
        self.perform(effects)
        return call

    def hang_up(self, name: str) -> None:
        self.perform(self.machine.hang_up(self.calls[name].request_id, self.now))

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
            case _:
                raise AssertionError(effect)

    def was_written(self, session: str, request_id: int) -> bool:
        """Whether a delivery has left the outbox."""
        return session not in self.held

    def name(self, request_id: int) -> str:
        """The call's name, or the number if no call of this shell has it."""
        return self.names.get(request_id, f"#{request_id}")


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
