"""The shell around the call machines: feeds each device's machine and performs what it decides.

Nothing here knows a call's rules. An effect is performed by whoever holds the thing it is about: the session its link
lives on, the caller that waits, the keeper of stored calls, the journal, the timer.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, cast

from trunkline.contract.clock import Clock
from trunkline.contract.errors import cause_name
from trunkline.contract.ids import to_text
from trunkline.contract.logs import get_logger
from trunkline.core.calls.deadlines import Deadlines
from trunkline.core.calls.endings import failed, hung_up
from trunkline.core.calls.living import LivingCalls
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
    Noted,
    Stray,
    StrayReply,
    WakeAt,
    Withdraw,
)
from trunkline.core.journal.journal import Journal
from trunkline.core.metrics import Counters
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

log = get_logger(__name__)

_ACCEPTED: Final = Outcome.OUTCOME_ACCEPTED
_UNKNOWN: Final = Outcome.OUTCOME_UNKNOWN
_HUNG_UP: Final = Cause.CAUSE_HUNG_UP


class Waiter(Protocol):
    """Who waits for a call: `Call.owner`."""

    def completed(self, call: Call, done: Complete) -> None:
        """The call ended, or it is stored; said once."""
        ...


class Session(Protocol):
    """What an effect needs of a session."""

    def deliver(self, call: Call, prompt: bool) -> None:
        """Queue the call on the session's link."""
        ...

    def withdraw(self, request_id: int) -> bool:
        """Take a delivery back; True if it had been written, so that the device may already have it."""
        ...

    def close(self, reason: ErrorReason.ValueType) -> None:
        """End the session: the device is told why in its own protocol."""
        ...


class Keeper(Protocol):
    """Who keeps stored calls. It answers with the runner's `stored`, `not_stored` and `fetched`."""

    def keep(self, call: Call) -> None:
        """Write the call's row, as it is then."""
        ...

    def fetch(self, calls: tuple[Call, ...]) -> None:
        """Read what the calls carry; they are all of one device."""
        ...

    def remove(self, call: Call) -> None:
        """Write nothing more of this call."""
        ...


class CallRunner:
    """All devices' machines, and one timer for all of them."""

    def __init__(
        self,
        *,
        clock: Clock,
        new_machine: Callable[[bytes], DeviceCalls],
        counters: Counters,
        journal: Journal,
        keeper: Keeper,
    ) -> None:
        self._clock = clock
        self._new_machine = new_machine
        self._counters = counters
        self._journal = journal
        self._keeper = keeper
        self._machines: dict[bytes, DeviceCalls] = {}
        self.living = LivingCalls()
        self._ends: dict[Call, asyncio.Future[Complete]] = {}
        """Where somebody waits for a call's end beside its owner."""
        self._forgotten: list[Callable[[Call], None]] = []
        self._deadlines: Deadlines[bytes] = Deadlines()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        self._log_calls = logging.getLogger(__name__).isEnabledFor(logging.DEBUG)  # asked once, not for every call

    def machine(self, device_id: bytes) -> DeviceCalls:
        """The device's machine, made on first need."""
        machine = self._machines.get(device_id)
        if machine is None:
            machine = self._machines[device_id] = self._new_machine(device_id)
        return machine

    def known(self, device_id: bytes) -> DeviceCalls | None:
        """The device's machine, if it has one."""
        return self._machines.get(device_id)

    # --- callers ---

    def accept(self, call: Call) -> Call | None:
        """Take a call in, to be submitted in its turn; the living call of the same id instead, if there is one."""
        living = self.living.add(call)
        if living is not call:
            return living
        self._journal.accepted(call)
        return None

    def submit(self, call: Call) -> None:
        """Give an accepted call to its device's machine, unless it ended before its turn came."""
        if call.owner is None and (call.keeping is None or not self._lives(call)):
            return
        device_id = call.device_id
        self.perform(device_id, self.machine(device_id).submit(call, self._clock()))
        if call.owner is None:
            self.release(device_id)

    def hang_up(self, call: Call) -> None:
        """The caller went away. A stored call goes on."""
        if call.owner is None:
            return
        if not call.request_id:  # its turn has not come; a lightweight one's never will
            self._complete(hung_up(call))
            return
        device_id = call.device_id
        self.perform(device_id, self.machine(device_id).hang_up(call.request_id, self._clock()))
        self.release(device_id)

    def cancel(self, call: Call) -> None:
        """Somebody cancels a living call."""
        if not call.request_id:
            cancelled, cause = ErrorReason.ERROR_REASON_CALL_CANCELLED, Cause.CAUSE_CANCELLED
            self._complete(Complete(call, Outcome.OUTCOME_CANCELLED, b"", cancelled, cause))
            return
        device_id = call.device_id
        self.perform(device_id, self.machine(device_id).cancel(call.request_id, self._clock()))
        self.release(device_id)

    def remove(self, call: Call) -> None:
        """Somebody deleted a living stored call's row: it is no more, and whoever waits for its end hears of none."""
        self._keeper.remove(call)
        if call.request_id:
            device_id = call.device_id
            self.perform(device_id, self.machine(device_id).removed(call.request_id, self._clock()))
            self.release(device_id)
        self._forget(call, Complete(call, Outcome.OUTCOME_UNSPECIFIED))

    def living_call(self, tenant_id: bytes, call_id: bytes) -> Call | None:
        """The call of this id, until it ended; a stored one until its end is committed."""
        return self.living.find(tenant_id, call_id)

    def living_calls(self) -> list[Call]:
        """All of them, as they are now."""
        return list(self.living)

    def when_ended(self, call: Call) -> asyncio.Future[Complete]:
        """How a living call will have ended: done when a stored one's end is committed. An unspecified outcome: it was
        removed."""
        end = self._ends.get(call)
        if end is None:
            end = self._ends[call] = asyncio.get_running_loop().create_future()
        return asyncio.shield(end)  # several may wait, and one of them may leave

    def on_forgotten(self, tell: Callable[[Call], None]) -> None:
        """Call this with every stored call that lives no more."""
        self._forgotten.append(tell)

    # --- the store ---

    def take_up(self, call: Call) -> None:
        """A stored call that has not ended, read from the store at the core's start."""
        self.living.add(call)
        device_id = call.device_id
        self.perform(device_id, self.machine(device_id).taken_up(call, self._clock()))

    def stored(self, call: Call, version: int) -> None:
        """The call's row is committed, as it was at this version or later."""
        keeping = call.keeping
        if keeping is not None and not keeping.committed:
            self._journal.stored(call)
        device_id = call.device_id
        self.perform(device_id, self.machine(device_id).stored(call.request_id, version, self._clock()))
        self.release(device_id)

    def not_stored(self, call: Call, *, unknown: bool) -> None:
        """The call's row was not inserted; `unknown`: nobody can tell now, and the submitter waits no longer."""
        device_id = call.device_id
        self.perform(device_id, self.machine(device_id).not_stored(call.request_id, unknown, self._clock()))
        if not unknown:
            self._forget(call, Complete(call, Outcome.OUTCOME_UNSPECIFIED))
        self.release(device_id)

    def dropped(self, call: Call) -> None:
        """The call's id or key belongs to another one; its submitter is to be answered by that one's."""
        device_id = call.device_id
        self.perform(device_id, self.machine(device_id).dropped(call.request_id))
        self._forget(call, Complete(call, Outcome.OUTCOME_UNSPECIFIED))
        self.release(device_id)

    def rename(self, call: Call, call_id: bytes) -> None:
        """Give a call that nobody was told of another id: its own is taken in the store."""
        self.living.discard(call)
        call.call_id = call_id
        self.living.add(call)

    def fetched(self, calls: Sequence[Call]) -> None:
        """These calls of one device have what they carry."""
        device_id = calls[0].device_id
        machine = self._machines.get(device_id)
        if machine is not None:
            self.perform(device_id, machine.fetched([call.request_id for call in calls], self._clock()))

    # --- devices ---

    def replied(self, device_id: bytes, request_id: int, payload: bytes, error: str | None, now: int) -> Stray | None:
        """A device answered; what the answer is, if it completes no living call. The caller counts that, and releases
        the machine."""
        effects = self.machine(device_id).replied(request_id, payload, error, now)
        first = effects[0] if effects else None
        if isinstance(first, StrayReply):  # it comes alone
            return first.stray
        self.perform(device_id, effects)
        return None

    def stray(self, device_id: bytes, request_id: int, payload: bytes, stray: Stray) -> None:
        """Count a reply that completed no living call, and let the journal look for the ended one."""
        self._counters.stray_reply(stray)
        if stray is Stray.LATE:
            self._journal.late_reply(device_id, request_id, payload)

    def delete(self, device_id: bytes) -> None:
        """The device was deleted: end its calls and sessions."""
        machine = self._machines.get(device_id)
        if machine is not None:
            self.perform(device_id, machine.deleted(self._clock()))
            self.release(device_id)

    def drain(self) -> None:
        """Answer every waiting caller: the core is about to end."""
        for call in [call for call in self.living if not call.request_id]:
            self._complete(failed(call, ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, Cause.CAUSE_CORE_DRAINING))
        for device_id, machine in list(self._machines.items()):
            self.perform(device_id, machine.drained(self._clock()))

    def close(self) -> None:
        """Let no time pass any more: the core has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def release(self, device_id: bytes) -> None:
        """Forget the device's machine if nothing is in it."""
        machine = self._machines.get(device_id)
        if machine is not None and machine.idle:
            del self._machines[device_id]
            self._deadlines.disarm(device_id)

    @property
    def pending(self) -> int:
        """Calls that have no outcome yet."""
        return sum(machine.pending for machine in list(self._machines.values()))  # asked from another thread

    # --- effects ---

    def perform(self, device_id: bytes, effects: Iterable[Effect]) -> None:
        """Do what a machine decided, in order. One that fails is logged and costs the others nothing."""
        for effect in effects:
            try:
                if isinstance(effect, Deliver):
                    session = _session(effect)
                    session.deliver(effect.call, effect.prompt)
                    self._journal.routed(effect.call, session)
                elif isinstance(effect, Complete):
                    self._complete(effect)
                elif isinstance(effect, Noted):
                    self._journal.noted(effect.call, effect.step, effect.session, effect.detail)
                elif isinstance(effect, WakeAt):
                    self._wake_at(device_id, effect.at_ms)
                else:
                    self._perform_rare(device_id, effect)
            except Exception:
                log.exception("effect_failed", effect=type(effect).__name__, device_id=device_id.hex())

    def _perform_rare(self, device_id: bytes, effect: Effect) -> None:
        match effect:
            case Keep(call):
                self._keeper.keep(call)
            case Finished(end):
                self._finish(end)
            case Fetch(calls):
                self._keeper.fetch(calls)
            case Withdraw():
                self._withdraw(device_id, effect)
            case CloseSession():
                _session(effect).close(effect.reason)
            case _:
                raise AssertionError(effect)

    def _withdraw(self, device_id: bytes, effect: Withdraw) -> None:
        was_written = _session(effect).withdraw(effect.request_id)
        machine = self._machines.get(device_id)
        if machine is not None:
            self.perform(device_id, machine.withdrawn(effect.session, effect.request_id, was_written, self._clock()))

    def _complete(self, done: Complete) -> None:
        call = done.call
        if call.keeping is None or not _goes_on(done):
            self._forget(call, done)
        self._counters.ended(call.kind, done.outcome, done.cause)
        self.answer(done)
        if self._log_calls:
            log.debug("call_ended", call_id=to_text(call.call_id), outcome=done.outcome, cause=cause_name(done.cause))
        self._journal.ended(done)

    def answer(self, done: Complete) -> None:
        """Tell the call's submitter, if somebody still waits."""
        call = done.call
        waiter = cast(Waiter | None, call.owner)
        call.owner = None  # a call may live on without its caller; it holds nothing of it
        if waiter is not None:
            waiter.completed(call, done)

    def _finish(self, end: Complete) -> None:
        """A stored call's end is committed."""
        call = end.call
        self._counters.ended(call.kind, end.outcome, end.cause)
        self._journal.finished(end)
        if self._log_calls:
            log.debug("call_ended", call_id=to_text(call.call_id), outcome=end.outcome, cause=cause_name(end.cause))
        self._forget(call, end)

    def _lives(self, call: Call) -> bool:
        return self.living.find(call.tenant_id, call.call_id) is call

    def _forget(self, call: Call, end: Complete) -> None:
        """A call lives no more, nor does its id."""
        if not self.living.discard(call):
            return
        if call.keeping is not None:
            for tell in self._forgotten:
                tell(call)
        if self._ends:
            waiting = self._ends.pop(call, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(end)

    def _wake_at(self, device_id: bytes, at_ms: int) -> None:
        self._deadlines.arm(device_id, at_ms)
        if self._timer is None or at_ms < self._timer_at:
            self._set_timer(at_ms)

    def _set_timer(self, at_ms: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at_ms
        delay = max(0, at_ms - self._clock()) / 1000
        self._timer = asyncio.get_running_loop().call_later(delay, self._time_passed)

    def _time_passed(self) -> None:
        self._timer = None
        now = self._clock()
        for device_id in self._deadlines.due(now):
            machine = self._machines.get(device_id)
            if machine is not None:
                self.perform(device_id, machine.passed(now))
                self.release(device_id)
        next_at = self._deadlines.next_at()
        if next_at is not None and (self._timer is None or next_at < self._timer_at):
            self._set_timer(next_at)


def _goes_on(done: Complete) -> bool:
    """Whether a stored call goes on whose submitter is told this."""
    return done.outcome == _ACCEPTED or done.outcome == _UNKNOWN or done.cause == _HUNG_UP


def _session(effect: Deliver | Withdraw | CloseSession) -> Session:
    """The session an effect is about: machines hand back the keys that the links gave them."""
    return cast(Session, effect.session)
