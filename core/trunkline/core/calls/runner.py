"""The shell around the call machines: feeds each device's machine and performs what it decides.

Nothing here knows a call's rules. An effect is performed by whoever holds the thing it is about: the session its link
lives on, the caller that waits, the timer.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol, cast

from trunkline.contract.clock import Clock
from trunkline.contract.errors import cause_name
from trunkline.contract.ids import to_text
from trunkline.contract.logs import get_logger
from trunkline.core.calls.deadlines import Deadlines
from trunkline.core.calls.endings import failed, hung_up
from trunkline.core.calls.machine import DeviceCalls
from trunkline.core.calls.model import (
    Call,
    CloseSession,
    Complete,
    Deliver,
    Effect,
    StrayReply,
    WakeAt,
    Withdraw,
)
from trunkline.core.metrics import Counters
from trunkline.v1.error_pb2 import Cause, ErrorReason

log = get_logger(__name__)


class Waiter(Protocol):
    """Who waits for a call: `Call.owner`."""

    def completed(self, call: Call, done: Complete) -> None:
        """The call ended; said once."""
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


class CallRunner:
    """All devices' machines, and one timer for all of them."""

    def __init__(
        self,
        *,
        clock: Clock,
        new_machine: Callable[[bytes], DeviceCalls],
        counters: Counters,
    ) -> None:
        self._clock = clock
        self._new_machine = new_machine
        self._counters = counters
        self._machines: dict[bytes, DeviceCalls] = {}
        self._living: dict[tuple[bytes, bytes], Call] = {}
        """Accepted calls without an outcome, by tenant and call id."""
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

    def accept(self, call: Call) -> Call | None:
        """Take a call in, to be submitted in its turn; the living call of the same id instead, if there is one."""
        living = self._living.setdefault((call.tenant_id, call.call_id), call)
        return None if living is call else living

    def submit(self, call: Call) -> None:
        """Give an accepted call to its device's machine, unless it ended before its turn came."""
        if call.owner is None:
            return
        device_id = call.device_id
        self.perform(device_id, self.machine(device_id).submit(call, self._clock()))
        if call.owner is None:
            self.release(device_id)

    def hang_up(self, call: Call) -> None:
        """The caller went away."""
        if call.owner is None:
            return
        if not call.request_id:
            self._complete(hung_up(call))  # its turn has not come, and never will
            return
        device_id = call.device_id
        self.perform(device_id, self.machine(device_id).hang_up(call.request_id, self._clock()))
        self.release(device_id)

    def delete(self, device_id: bytes) -> None:
        """The device was deleted: end its calls and sessions."""
        machine = self._machines.get(device_id)
        if machine is not None:
            self.perform(device_id, machine.deleted(self._clock()))
            self.release(device_id)

    def drain(self) -> None:
        """Answer every waiting caller: the core is about to end."""
        for call in [call for call in self._living.values() if not call.request_id]:
            self._complete(failed(call, ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, Cause.CAUSE_CORE_DRAINING))
        for device_id, machine in list(self._machines.items()):
            self.perform(device_id, machine.drained(self._clock()))

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

    def perform(self, device_id: bytes, effects: Iterable[Effect]) -> None:
        """Do what a machine decided, in order. One that fails is logged and costs the others nothing."""
        for effect in effects:
            try:
                if isinstance(effect, Deliver):
                    _session(effect).deliver(effect.call, effect.prompt)
                elif isinstance(effect, Complete):
                    self._complete(effect)
                elif isinstance(effect, WakeAt):
                    self._wake_at(device_id, effect.at_ms)
                elif isinstance(effect, Withdraw):
                    self._withdraw(device_id, effect)
                elif isinstance(effect, StrayReply):
                    self._counters.stray_reply(effect.stray)
                elif isinstance(effect, CloseSession):
                    _session(effect).close(effect.reason)
            except Exception:
                log.exception("effect_failed", effect=type(effect).__name__, device_id=device_id.hex())

    def _withdraw(self, device_id: bytes, effect: Withdraw) -> None:
        was_written = _session(effect).withdraw(effect.request_id)
        machine = self._machines.get(device_id)
        if machine is not None:
            self.perform(device_id, machine.withdrawn(effect.session, effect.request_id, was_written, self._clock()))

    def _complete(self, done: Complete) -> None:
        call = done.call
        del self._living[call.tenant_id, call.call_id]
        self._counters.ended(call.kind, done.outcome, done.cause)
        if self._log_calls:
            log.debug("call_ended", call_id=to_text(call.call_id), outcome=done.outcome, cause=cause_name(done.cause))
        waiter = cast(Waiter, call.owner)
        call.owner = None  # a call may live on without its caller; it holds nothing of it
        waiter.completed(call, done)

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


def _session(effect: Deliver | Withdraw | CloseSession) -> Session:
    """The session an effect is about: machines hand back the keys that the links gave them."""
    return cast(Session, effect.session)
